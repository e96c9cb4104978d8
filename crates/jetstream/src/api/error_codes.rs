//! Generated from `api_errors.json`; `TRADEWIND_GENERATE=1 cargo test -p tradewind-jetstream error_codes` writes it anew.

use std::fmt::Display;

use super::error::{ApiError, ErrorRow};

impl ApiError {
    /// 10002: `resource limits exceeded for account`
    pub const ACCOUNT_RESOURCES_EXCEEDED: ApiError = ApiError::fixed(400, 10002, "resource limits exceeded for account");
    /// 10003: `bad request`
    pub const BAD_REQUEST: ApiError = ApiError::fixed(400, 10003, "bad request");
    /// 10004: `incomplete results`
    pub const CLUSTER_INCOMPLETE: ApiError = ApiError::fixed(503, 10004, "incomplete results");
    /// 10005: `{err}`
    pub fn cluster_no_peers(err: impl Display) -> ApiError {
        ApiError::filled(400, 10005, format!("{err}"))
    }
    /// 10006: `JetStream not in clustered mode`
    pub const CLUSTER_NOT_ACTIVE: ApiError = ApiError::fixed(500, 10006, "JetStream not in clustered mode");
    /// 10007: `JetStream cluster not assigned to this server`
    pub const CLUSTER_NOT_ASSIGNED: ApiError = ApiError::fixed(500, 10007, "JetStream cluster not assigned to this server");
    /// 10008: `JetStream system temporarily unavailable`
    pub const CLUSTER_NOT_AVAIL: ApiError = ApiError::fixed(503, 10008, "JetStream system temporarily unavailable");
    /// 10009: `JetStream cluster can not handle request`
    pub const CLUSTER_NOT_LEADER: ApiError = ApiError::fixed(500, 10009, "JetStream cluster can not handle request");
    /// 10010: `JetStream clustering support required`
    pub const CLUSTER_REQUIRED: ApiError = ApiError::fixed(503, 10010, "JetStream clustering support required");
    /// 10011: `tags placement not supported for operation`
    pub const CLUSTER_TAGS: ApiError = ApiError::fixed(400, 10011, "tags placement not supported for operation");
    /// 10012: `{err}`
    pub fn consumer_create(err: impl Display) -> ApiError {
        ApiError::filled(500, 10012, format!("{err}"))
    }
    /// 10013: `consumer name already in use`
    pub const CONSUMER_NAME_IN_USE: ApiError = ApiError::fixed(400, 10013, "consumer name already in use");
    /// 10014: `consumer not found`
    pub const CONSUMER_NOT_FOUND: ApiError = ApiError::fixed(404, 10014, "consumer not found");
    /// 10015: `deliver subject not valid`
    pub const SNAPSHOT_DELIVER_SUBJECT_INVALID: ApiError = ApiError::fixed(400, 10015, "deliver subject not valid");
    /// 10016: `consumer expected to be durable but no durable name set in subject`
    pub const CONSUMER_DURABLE_NAME_NOT_IN_SUBJECT: ApiError = ApiError::fixed(400, 10016, "consumer expected to be durable but no durable name set in subject");
    /// 10017: `consumer name in subject does not match durable name in request`
    pub const CONSUMER_DURABLE_NAME_NOT_MATCH_SUBJECT: ApiError = ApiError::fixed(400, 10017, "consumer name in subject does not match durable name in request");
    /// 10018: `consumer expected to be durable but a durable name was not set`
    pub const CONSUMER_DURABLE_NAME_NOT_SET: ApiError = ApiError::fixed(400, 10018, "consumer expected to be durable but a durable name was not set");
    /// 10019: `consumer expected to be ephemeral but detected a durable name set in subject`
    pub const CONSUMER_EPHEMERAL_WITH_DURABLE_IN_SUBJECT: ApiError = ApiError::fixed(400, 10019, "consumer expected to be ephemeral but detected a durable name set in subject");
    /// 10020: `consumer expected to be ephemeral but a durable name was set in request`
    pub const CONSUMER_EPHEMERAL_WITH_DURABLE_NAME: ApiError = ApiError::fixed(400, 10020, "consumer expected to be ephemeral but a durable name was set in request");
    /// 10021: `stream external api prefix {prefix} must not overlap with {subject}`
    pub fn stream_external_api_overlap(prefix: impl Display, subject: impl Display) -> ApiError {
        ApiError::filled(400, 10021, format!("stream external api prefix {prefix} must not overlap with {subject}"))
    }
    /// 10022: `stream external delivery prefix {prefix} overlaps with stream subject {subject}`
    pub fn stream_external_del_prefix_overlaps(prefix: impl Display, subject: impl Display) -> ApiError {
        ApiError::filled(400, 10022, format!("stream external delivery prefix {prefix} overlaps with stream subject {subject}"))
    }
    /// 10023: `insufficient resources`
    pub const INSUFFICIENT_RESOURCES: ApiError = ApiError::fixed(503, 10023, "insufficient resources");
    /// 10024: `stream external delivery prefix {prefix} must not contain wildcards`
    pub fn stream_invalid_external_delivery_subj(prefix: impl Display) -> ApiError {
        ApiError::filled(400, 10024, format!("stream external delivery prefix {prefix} must not contain wildcards"))
    }
    /// 10025: `invalid JSON: {err}`
    pub fn invalid_json(err: impl Display) -> ApiError {
        ApiError::filled(400, 10025, format!("invalid JSON: {err}"))
    }
    /// 10026: `maximum consumers limit reached`
    pub const MAXIMUM_CONSUMERS_LIMIT: ApiError = ApiError::fixed(400, 10026, "maximum consumers limit reached");
    /// 10027: `maximum number of streams reached`
    pub const MAXIMUM_STREAMS_LIMIT: ApiError = ApiError::fixed(400, 10027, "maximum number of streams reached");
    /// 10028: `insufficient memory resources available`
    pub const MEMORY_RESOURCES_EXCEEDED: ApiError = ApiError::fixed(500, 10028, "insufficient memory resources available");
    /// 10029: `{err}`
    pub fn mirror_consumer_setup_failed(err: impl Display) -> ApiError {
        ApiError::filled(500, 10029, format!("{err}"))
    }
    /// 10030: `stream mirror must have max message size >= source`
    pub const MIRROR_MAX_MESSAGE_SIZE_TOO_BIG: ApiError = ApiError::fixed(400, 10030, "stream mirror must have max message size >= source");
    /// 10031: `stream mirrors can not also contain other sources`
    pub const MIRROR_WITH_SOURCES: ApiError = ApiError::fixed(400, 10031, "stream mirrors can not also contain other sources");
    /// 10032: `stream mirrors can not have both start seq and start time configured`
    pub const MIRROR_WITH_START_SEQ_AND_TIME: ApiError = ApiError::fixed(400, 10032, "stream mirrors can not have both start seq and start time configured");
    /// 10033: `stream mirrors can not contain filtered subjects`
    pub const MIRROR_WITH_SUBJECT_FILTERS: ApiError = ApiError::fixed(400, 10033, "stream mirrors can not contain filtered subjects");
    /// 10034: `stream mirrors can not contain subjects`
    pub const MIRROR_WITH_SUBJECTS: ApiError = ApiError::fixed(400, 10034, "stream mirrors can not contain subjects");
    /// 10035: `account not found`
    pub const NO_ACCOUNT: ApiError = ApiError::fixed(503, 10035, "account not found");
    /// 10036: `not currently supported in clustered mode`
    pub const CLUSTER_UN_SUPPORT_FEATURE: ApiError = ApiError::fixed(503, 10036, "not currently supported in clustered mode");
    /// 10037: `no message found`
    pub const NO_MESSAGE_FOUND: ApiError = ApiError::fixed(404, 10037, "no message found");
    /// 10038: `expected an empty request payload`
    pub const NOT_EMPTY_REQUEST: ApiError = ApiError::fixed(400, 10038, "expected an empty request payload");
    /// 10039: `JetStream not enabled for account`
    pub const NOT_ENABLED_FOR_ACCOUNT: ApiError = ApiError::fixed(503, 10039, "JetStream not enabled for account");
    /// 10040: `peer not a member`
    pub const CLUSTER_PEER_NOT_MEMBER: ApiError = ApiError::fixed(400, 10040, "peer not a member");
    /// 10041: `{err}`
    pub fn raft_general(err: impl Display) -> ApiError {
        ApiError::filled(500, 10041, format!("{err}"))
    }
    /// 10042: `JetStream unable to subscribe to restore snapshot {subject}: {err}`
    pub fn restore_subscribe_failed(subject: impl Display, err: impl Display) -> ApiError {
        ApiError::filled(500, 10042, format!("JetStream unable to subscribe to restore snapshot {subject}: {err}"))
    }
    /// 10043: `sequence {seq} not found`
    pub fn sequence_not_found(seq: impl Display) -> ApiError {
        ApiError::filled(400, 10043, format!("sequence {seq} not found"))
    }
    /// 10044: `server is not a member of the cluster`
    pub const CLUSTER_SERVER_NOT_MEMBER: ApiError = ApiError::fixed(400, 10044, "server is not a member of the cluster");
    /// 10045: `{err}`
    pub fn source_consumer_setup_failed(err: impl Display) -> ApiError {
        ApiError::filled(500, 10045, format!("{err}"))
    }
    /// 10046: `stream source must have max message size >= target`
    pub const SOURCE_MAX_MESSAGE_SIZE_TOO_BIG: ApiError = ApiError::fixed(400, 10046, "stream source must have max message size >= target");
    /// 10047: `insufficient storage resources available`
    pub const STORAGE_RESOURCES_EXCEEDED: ApiError = ApiError::fixed(500, 10047, "insufficient storage resources available");
    /// 10048: `{err}`
    pub fn stream_assignment(err: impl Display) -> ApiError {
        ApiError::filled(500, 10048, format!("{err}"))
    }
    /// 10049: `{err}`
    pub fn stream_create(err: impl Display) -> ApiError {
        ApiError::filled(500, 10049, format!("{err}"))
    }
    /// 10050: `{err}`
    pub fn stream_delete(err: impl Display) -> ApiError {
        ApiError::filled(500, 10050, format!("{err}"))
    }
    /// 10051: `{err}`
    pub fn stream_general_error(err: impl Display) -> ApiError {
        ApiError::filled(500, 10051, format!("{err}"))
    }
    /// 10052: `{err}`
    pub fn stream_invalid_config(err: impl Display) -> ApiError {
        ApiError::filled(500, 10052, format!("{err}"))
    }
    /// 10053: `{err}`
    pub fn stream_limits(err: impl Display) -> ApiError {
        ApiError::filled(500, 10053, format!("{err}"))
    }
    /// 10054: `message size exceeds maximum allowed`
    pub const STREAM_MESSAGE_EXCEEDS_MAXIMUM: ApiError = ApiError::fixed(400, 10054, "message size exceeds maximum allowed");
    /// 10055: `stream mirror configuration can not be updated`
    pub const STREAM_MIRROR_NOT_UPDATABLE: ApiError = ApiError::fixed(400, 10055, "stream mirror configuration can not be updated");
    /// 10056: `stream name in subject does not match request`
    pub const STREAM_MISMATCH: ApiError = ApiError::fixed(400, 10056, "stream name in subject does not match request");
    /// 10057: `{err}`
    pub fn stream_msg_delete_failed(err: impl Display) -> ApiError {
        ApiError::filled(500, 10057, format!("{err}"))
    }
    /// 10058: `stream name already in use with a different configuration`
    pub const STREAM_NAME_IN_USE: ApiError = ApiError::fixed(400, 10058, "stream name already in use with a different configuration");
    /// 10059: `stream not found`
    pub const STREAM_NOT_FOUND: ApiError = ApiError::fixed(404, 10059, "stream not found");
    /// 10060: `expected stream does not match`
    pub const STREAM_NOT_MATCH: ApiError = ApiError::fixed(400, 10060, "expected stream does not match");
    /// 10061: `Replicas configuration can not be updated`
    pub const STREAM_REPLICAS_NOT_UPDATABLE: ApiError = ApiError::fixed(400, 10061, "Replicas configuration can not be updated");
    /// 10062: `restore failed: {err}`
    pub fn stream_restore(err: impl Display) -> ApiError {
        ApiError::filled(500, 10062, format!("restore failed: {err}"))
    }
    /// 10063: `expected stream sequence does not match`
    pub const STREAM_SEQUENCE_NOT_MATCH: ApiError = ApiError::fixed(503, 10063, "expected stream sequence does not match");
    /// 10064: `snapshot failed: {err}`
    pub fn stream_snapshot(err: impl Display) -> ApiError {
        ApiError::filled(500, 10064, format!("snapshot failed: {err}"))
    }
    /// 10065: `subjects overlap with an existing stream`
    pub const STREAM_SUBJECT_OVERLAP: ApiError = ApiError::fixed(400, 10065, "subjects overlap with an existing stream");
    /// 10066: `{err}`
    pub fn stream_template_create(err: impl Display) -> ApiError {
        ApiError::filled(500, 10066, format!("{err}"))
    }
    /// 10067: `{err}`
    pub fn stream_template_delete(err: impl Display) -> ApiError {
        ApiError::filled(500, 10067, format!("{err}"))
    }
    /// 10068: `template not found`
    pub const STREAM_TEMPLATE_NOT_FOUND: ApiError = ApiError::fixed(404, 10068, "template not found");
    /// 10069: `{err}`
    pub fn stream_update(err: impl Display) -> ApiError {
        ApiError::filled(500, 10069, format!("{err}"))
    }
    /// 10070: `wrong last msg ID: {id}`
    pub fn wrong_last_msg_id(id: impl Display) -> ApiError {
        ApiError::filled(400, 10070, format!("wrong last msg ID: {id}"))
    }
    /// 10071: `wrong last sequence: {seq}`
    pub fn wrong_last_sequence(seq: impl Display) -> ApiError {
        ApiError::filled(400, 10071, format!("wrong last sequence: {seq}"))
    }
    /// 10072: `JetStream unable to open temp storage for restore`
    pub const TEMP_STORAGE_FAILED: ApiError = ApiError::fixed(500, 10072, "JetStream unable to open temp storage for restore");
    /// 10073: `template name in subject does not match request`
    pub const TEMPLATE_NAME_NOT_MATCH_SUBJECT: ApiError = ApiError::fixed(400, 10073, "template name in subject does not match request");
    /// 10074: `replicas > 1 not supported in non-clustered mode`
    pub const STREAM_REPLICAS_NOT_SUPPORTED: ApiError = ApiError::fixed(500, 10074, "replicas > 1 not supported in non-clustered mode");
    /// 10075: `peer remap failed`
    pub const PEER_REMAP: ApiError = ApiError::fixed(503, 10075, "peer remap failed");
    /// 10076: `JetStream not enabled`
    pub const NOT_ENABLED: ApiError = ApiError::fixed(503, 10076, "JetStream not enabled");
    /// 10077: `{err}`
    pub fn stream_store_failed(err: impl Display) -> ApiError {
        ApiError::filled(503, 10077, format!("{err}"))
    }
    /// 10078: `consumer config required`
    pub const CONSUMER_CONFIG_REQUIRED: ApiError = ApiError::fixed(400, 10078, "consumer config required");
    /// 10079: `consumer deliver subject has wildcards`
    pub const CONSUMER_DELIVER_TO_WILDCARDS: ApiError = ApiError::fixed(400, 10079, "consumer deliver subject has wildcards");
    /// 10080: `consumer in push mode can not set max waiting`
    pub const CONSUMER_PUSH_MAX_WAITING: ApiError = ApiError::fixed(400, 10080, "consumer in push mode can not set max waiting");
    /// 10081: `consumer deliver subject forms a cycle`
    pub const CONSUMER_DELIVER_CYCLE: ApiError = ApiError::fixed(400, 10081, "consumer deliver subject forms a cycle");
    /// 10082: `consumer requires ack policy for max ack pending`
    pub const CONSUMER_MAX_PENDING_ACK_POLICY_REQUIRED: ApiError = ApiError::fixed(400, 10082, "consumer requires ack policy for max ack pending");
    /// 10083: `consumer idle heartbeat needs to be >= 100ms`
    pub const CONSUMER_SMALL_HEARTBEAT: ApiError = ApiError::fixed(400, 10083, "consumer idle heartbeat needs to be >= 100ms");
    /// 10084: `consumer in pull mode requires explicit ack policy on workqueue stream`
    pub const CONSUMER_PULL_REQUIRES_ACK: ApiError = ApiError::fixed(400, 10084, "consumer in pull mode requires explicit ack policy on workqueue stream");
    /// 10085: `consumer in pull mode requires a durable name`
    pub const CONSUMER_PULL_NOT_DURABLE: ApiError = ApiError::fixed(400, 10085, "consumer in pull mode requires a durable name");
    /// 10086: `consumer in pull mode can not have rate limit set`
    pub const CONSUMER_PULL_WITH_RATE_LIMIT: ApiError = ApiError::fixed(400, 10086, "consumer in pull mode can not have rate limit set");
    /// 10087: `consumer max waiting needs to be positive`
    pub const CONSUMER_MAX_WAITING_NEGATIVE: ApiError = ApiError::fixed(400, 10087, "consumer max waiting needs to be positive");
    /// 10088: `consumer idle heartbeat requires a push based consumer`
    pub const CONSUMER_HB_REQUIRES_PUSH: ApiError = ApiError::fixed(400, 10088, "consumer idle heartbeat requires a push based consumer");
    /// 10089: `consumer flow control requires a push based consumer`
    pub const CONSUMER_FC_REQUIRES_PUSH: ApiError = ApiError::fixed(400, 10089, "consumer flow control requires a push based consumer");
    /// 10090: `consumer direct requires a push based consumer`
    pub const CONSUMER_DIRECT_REQUIRES_PUSH: ApiError = ApiError::fixed(400, 10090, "consumer direct requires a push based consumer");
    /// 10091: `consumer direct requires an ephemeral consumer`
    pub const CONSUMER_DIRECT_REQUIRES_EPHEMERAL: ApiError = ApiError::fixed(400, 10091, "consumer direct requires an ephemeral consumer");
    /// 10092: `consumer direct on a mapped consumer`
    pub const CONSUMER_ON_MAPPED: ApiError = ApiError::fixed(400, 10092, "consumer direct on a mapped consumer");
    /// 10093: `consumer filter subject is not a valid subset of the interest subjects`
    pub const CONSUMER_FILTER_NOT_SUBSET: ApiError = ApiError::fixed(400, 10093, "consumer filter subject is not a valid subset of the interest subjects");
    /// 10094: `{err}`
    pub fn consumer_invalid_policy(err: impl Display) -> ApiError {
        ApiError::filled(400, 10094, format!("{err}"))
    }
    /// 10095: `failed to parse consumer sampling configuration: {err}`
    pub fn consumer_invalid_sampling(err: impl Display) -> ApiError {
        ApiError::filled(400, 10095, format!("failed to parse consumer sampling configuration: {err}"))
    }
    /// 10096: `stream not valid`
    pub const STREAM_INVALID: ApiError = ApiError::fixed(500, 10096, "stream not valid");
    /// 10097: `header size exceeds maximum allowed of 64k`
    pub const STREAM_HEADER_EXCEEDS_MAXIMUM: ApiError = ApiError::fixed(400, 10097, "header size exceeds maximum allowed of 64k");
    /// 10098: `workqueue stream requires explicit ack`
    pub const CONSUMER_WQ_REQUIRES_EXPLICIT_ACK: ApiError = ApiError::fixed(400, 10098, "workqueue stream requires explicit ack");
    /// 10099: `multiple non-filtered consumers not allowed on workqueue stream`
    pub const CONSUMER_WQ_MULTIPLE_UNFILTERED: ApiError = ApiError::fixed(400, 10099, "multiple non-filtered consumers not allowed on workqueue stream");
    /// 10100: `filtered consumer not unique on workqueue stream`
    pub const CONSUMER_WQ_CONSUMER_NOT_UNIQUE: ApiError = ApiError::fixed(400, 10100, "filtered consumer not unique on workqueue stream");
    /// 10101: `consumer must be deliver all on workqueue stream`
    pub const CONSUMER_WQ_CONSUMER_NOT_DELIVER_ALL: ApiError = ApiError::fixed(400, 10101, "consumer must be deliver all on workqueue stream");
    /// 10102: `consumer name is too long, maximum allowed is {max}`
    pub fn consumer_name_too_long(max: impl Display) -> ApiError {
        ApiError::filled(400, 10102, format!("consumer name is too long, maximum allowed is {max}"))
    }
    /// 10103: `durable name can not contain '.', '*', '>'`
    pub const CONSUMER_BAD_DURABLE_NAME: ApiError = ApiError::fixed(400, 10103, "durable name can not contain '.', '*', '>'");
    /// 10104: `error creating store for consumer: {err}`
    pub fn consumer_store_failed(err: impl Display) -> ApiError {
        ApiError::filled(500, 10104, format!("error creating store for consumer: {err}"))
    }
    /// 10105: `consumer already exists and is still active`
    pub const CONSUMER_EXISTING_ACTIVE: ApiError = ApiError::fixed(400, 10105, "consumer already exists and is still active");
    /// 10106: `consumer replacement durable config not the same`
    pub const CONSUMER_REPLACEMENT_WITH_DIFFERENT_NAME: ApiError = ApiError::fixed(400, 10106, "consumer replacement durable config not the same");
    /// 10107: `consumer description is too long, maximum allowed is {max}`
    pub fn consumer_description_too_long(max: impl Display) -> ApiError {
        ApiError::filled(400, 10107, format!("consumer description is too long, maximum allowed is {max}"))
    }
    /// 10108: `consumer with flow control also needs heartbeats`
    pub const CONSUMER_WITH_FLOW_CONTROL_NEEDS_HEARTBEATS: ApiError = ApiError::fixed(400, 10108, "consumer with flow control also needs heartbeats");
    /// 10109: `invalid operation on sealed stream`
    pub const STREAM_SEALED: ApiError = ApiError::fixed(400, 10109, "invalid operation on sealed stream");
    /// 10110: `{err}`
    pub fn stream_purge_failed(err: impl Display) -> ApiError {
        ApiError::filled(500, 10110, format!("{err}"))
    }
    /// 10111: `{err}`
    pub fn stream_rollup_failed(err: impl Display) -> ApiError {
        ApiError::filled(500, 10111, format!("{err}"))
    }
    /// 10112: `invalid push consumer deliver subject`
    pub const CONSUMER_INVALID_DELIVER_SUBJECT: ApiError = ApiError::fixed(400, 10112, "invalid push consumer deliver subject");
    /// 10113: `account requires a stream config to have max bytes set`
    pub const STREAM_MAX_BYTES_REQUIRED: ApiError = ApiError::fixed(400, 10113, "account requires a stream config to have max bytes set");
    /// 10114: `consumer max request batch needs to be > 0`
    pub const CONSUMER_MAX_REQUEST_BATCH_NEGATIVE: ApiError = ApiError::fixed(400, 10114, "consumer max request batch needs to be > 0");
    /// 10115: `consumer max request expires needs to be >= 1ms`
    pub const CONSUMER_MAX_REQUEST_EXPIRES_TOO_SMALL: ApiError = ApiError::fixed(400, 10115, "consumer max request expires needs to be >= 1ms");
    /// 10116: `max deliver is required to be > length of backoff values`
    pub const CONSUMER_MAX_DELIVER_BACKOFF: ApiError = ApiError::fixed(400, 10116, "max deliver is required to be > length of backoff values");
    /// 10117: `subject details would exceed maximum allowed`
    pub const STREAM_INFO_MAX_SUBJECTS: ApiError = ApiError::fixed(500, 10117, "subject details would exceed maximum allowed");
    /// 10118: `stream is offline`
    pub const STREAM_OFFLINE: ApiError = ApiError::fixed(500, 10118, "stream is offline");
    /// 10119: `consumer is offline`
    pub const CONSUMER_OFFLINE: ApiError = ApiError::fixed(500, 10119, "consumer is offline");
    /// 10120: `no JetStream default or applicable tiered limit present`
    pub const NO_LIMITS: ApiError = ApiError::fixed(400, 10120, "no JetStream default or applicable tiered limit present");
    /// 10121: `consumer max ack pending exceeds system limit of {limit}`
    pub fn consumer_max_pending_ack_excess(limit: impl Display) -> ApiError {
        ApiError::filled(400, 10121, format!("consumer max ack pending exceeds system limit of {limit}"))
    }
    /// 10122: `stream max bytes exceeds account limit max stream bytes`
    pub const STREAM_MAX_STREAM_BYTES_EXCEEDED: ApiError = ApiError::fixed(400, 10122, "stream max bytes exceeds account limit max stream bytes");
    /// 10123: `can not move and scale a stream in a single update`
    pub const STREAM_MOVE_AND_SCALE: ApiError = ApiError::fixed(400, 10123, "can not move and scale a stream in a single update");
    /// 10124: `stream move already in progress`
    pub const STREAM_MOVE_IN_PROGRESS: ApiError = ApiError::fixed(400, 10124, "stream move already in progress");
    /// 10125: `consumer max request batch exceeds server limit of {limit}`
    pub fn consumer_max_request_batch_exceeded(limit: impl Display) -> ApiError {
        ApiError::filled(400, 10125, format!("consumer max request batch exceeds server limit of {limit}"))
    }
    /// 10126: `consumer config replica count exceeds parent stream`
    pub const CONSUMER_REPLICAS_EXCEEDS_STREAM: ApiError = ApiError::fixed(400, 10126, "consumer config replica count exceeds parent stream");
    /// 10127: `Consumer name can not contain path separators`
    pub const CONSUMER_NAME_CONTAINS_PATH_SEPARATORS: ApiError = ApiError::fixed(400, 10127, "Consumer name can not contain path separators");
    /// 10128: `Stream name can not contain path separators`
    pub const STREAM_NAME_CONTAINS_PATH_SEPARATORS: ApiError = ApiError::fixed(400, 10128, "Stream name can not contain path separators");
    /// 10129: `stream reconfiguration not in progress`
    pub const STREAM_RECONFIGURE_NOT_IN_PROGRESS: ApiError = ApiError::fixed(400, 10129, "stream reconfiguration not in progress");
    /// 10130: `stream name already in use, cannot restore`
    pub const STREAM_NAME_EXIST_RESTORE_FAILED: ApiError = ApiError::fixed(400, 10130, "stream name already in use, cannot restore");
    /// 10131: `Consumer create request did not match filtered subject from create subject`
    pub const CONSUMER_CREATE_FILTER_SUBJECT_MISMATCH: ApiError = ApiError::fixed(400, 10131, "Consumer create request did not match filtered subject from create subject");
    /// 10132: `Consumer Durable and Name have to be equal if both are provided`
    pub const CONSUMER_CREATE_DURABLE_AND_NAME_MISMATCH: ApiError = ApiError::fixed(400, 10132, "Consumer Durable and Name have to be equal if both are provided");
    /// 10133: `replicas count cannot be negative`
    pub const REPLICAS_COUNT_CANNOT_BE_NEGATIVE: ApiError = ApiError::fixed(400, 10133, "replicas count cannot be negative");
    /// 10134: `consumer config replicas must match interest retention stream's replicas`
    pub const CONSUMER_REPLICAS_SHOULD_MATCH_STREAM: ApiError = ApiError::fixed(400, 10134, "consumer config replicas must match interest retention stream's replicas");
    /// 10135: `consumer metadata exceeds maximum size of {limit}`
    pub fn consumer_metadata_length(limit: impl Display) -> ApiError {
        ApiError::filled(400, 10135, format!("consumer metadata exceeds maximum size of {limit}"))
    }
    /// 10136: `consumer cannot have both FilterSubject and FilterSubjects specified`
    pub const CONSUMER_DUPLICATE_FILTER_SUBJECTS: ApiError = ApiError::fixed(400, 10136, "consumer cannot have both FilterSubject and FilterSubjects specified");
    /// 10137: `consumer with multiple subject filters cannot use subject based API`
    pub const CONSUMER_MULTIPLE_FILTERS_NOT_ALLOWED: ApiError = ApiError::fixed(400, 10137, "consumer with multiple subject filters cannot use subject based API");
    /// 10138: `consumer subject filters cannot overlap`
    pub const CONSUMER_OVERLAPPING_SUBJECT_FILTERS: ApiError = ApiError::fixed(400, 10138, "consumer subject filters cannot overlap");
    /// 10139: `consumer filter in FilterSubjects cannot be empty`
    pub const CONSUMER_EMPTY_FILTER: ApiError = ApiError::fixed(400, 10139, "consumer filter in FilterSubjects cannot be empty");
    /// 10140: `duplicate source configuration detected`
    pub const SOURCE_DUPLICATE_DETECTED: ApiError = ApiError::fixed(400, 10140, "duplicate source configuration detected");
    /// 10141: `sourced stream name is invalid`
    pub const SOURCE_INVALID_STREAM_NAME: ApiError = ApiError::fixed(400, 10141, "sourced stream name is invalid");
    /// 10142: `mirrored stream name is invalid`
    pub const MIRROR_INVALID_STREAM_NAME: ApiError = ApiError::fixed(400, 10142, "mirrored stream name is invalid");
    /// 10143: `stream mirrors can not have first sequence configured`
    pub const MIRROR_WITH_FIRST_SEQ: ApiError = ApiError::fixed(400, 10143, "stream mirrors can not have first sequence configured");
    /// 10144: `source with multiple subject transforms cannot also have a single subject filter`
    pub const SOURCE_MULTIPLE_FILTERS_NOT_ALLOWED: ApiError = ApiError::fixed(400, 10144, "source with multiple subject transforms cannot also have a single subject filter");
    /// 10145: `source transform source: {err}`
    pub fn source_invalid_subject_filter(err: impl Display) -> ApiError {
        ApiError::filled(400, 10145, format!("source transform source: {err}"))
    }
    /// 10146: `source transform: {err}`
    pub fn source_invalid_transform_destination(err: impl Display) -> ApiError {
        ApiError::filled(400, 10146, format!("source transform: {err}"))
    }
    /// 10147: `source filters can not overlap`
    pub const SOURCE_OVERLAPPING_SUBJECT_FILTERS: ApiError = ApiError::fixed(400, 10147, "source filters can not overlap");
    /// 10148: `consumer already exists`
    pub const CONSUMER_ALREADY_EXISTS: ApiError = ApiError::fixed(400, 10148, "consumer already exists");
    /// 10149: `consumer does not exist`
    pub const CONSUMER_DOES_NOT_EXIST: ApiError = ApiError::fixed(400, 10149, "consumer does not exist");
    /// 10150: `mirror with multiple subject transforms cannot also have a single subject filter`
    pub const MIRROR_MULTIPLE_FILTERS_NOT_ALLOWED: ApiError = ApiError::fixed(400, 10150, "mirror with multiple subject transforms cannot also have a single subject filter");
    /// 10151: `mirror transform source: {err}`
    pub fn mirror_invalid_subject_filter(err: impl Display) -> ApiError {
        ApiError::filled(400, 10151, format!("mirror transform source: {err}"))
    }
    /// 10152: `mirror subject filters can not overlap`
    pub const MIRROR_OVERLAPPING_SUBJECT_FILTERS: ApiError = ApiError::fixed(400, 10152, "mirror subject filters can not overlap");
    /// 10153: `consumer inactive threshold exceeds system limit of {limit}`
    pub fn consumer_inactive_threshold_excess(limit: impl Display) -> ApiError {
        ApiError::filled(400, 10153, format!("consumer inactive threshold exceeds system limit of {limit}"))
    }
    /// 10154: `mirror transform: {err}`
    pub fn mirror_invalid_transform_destination(err: impl Display) -> ApiError {
        ApiError::filled(400, 10154, format!("mirror transform: {err}"))
    }
    /// 10155: `stream transform source: {err}`
    pub fn stream_transform_invalid_source(err: impl Display) -> ApiError {
        ApiError::filled(400, 10155, format!("stream transform source: {err}"))
    }
    /// 10156: `stream transform: {err}`
    pub fn stream_transform_invalid_destination(err: impl Display) -> ApiError {
        ApiError::filled(400, 10156, format!("stream transform: {err}"))
    }
    /// 10157: `pedantic mode: {err}`
    pub fn pedantic(err: impl Display) -> ApiError {
        ApiError::filled(400, 10157, format!("pedantic mode: {err}"))
    }
    /// 10158: `duplicate message id is in process`
    pub const STREAM_DUPLICATE_MESSAGE_CONFLICT: ApiError = ApiError::fixed(409, 10158, "duplicate message id is in process");
    /// 10159: `Setting PriorityPolicy requires at least one PriorityGroup to be set`
    pub const CONSUMER_PRIORITY_POLICY_WITHOUT_GROUP: ApiError = ApiError::fixed(400, 10159, "Setting PriorityPolicy requires at least one PriorityGroup to be set");
    /// 10160: `Provided priority group does not exist for this consumer`
    pub const CONSUMER_INVALID_PRIORITY_GROUP: ApiError = ApiError::fixed(400, 10160, "Provided priority group does not exist for this consumer");
    /// 10161: `Group name cannot be an empty string`
    pub const CONSUMER_EMPTY_GROUP_NAME: ApiError = ApiError::fixed(400, 10161, "Group name cannot be an empty string");
    /// 10162: `Valid priority group name must match A-Z, a-z, 0-9, -_/=)+ and may not exceed 16 characters`
    pub const CONSUMER_INVALID_GROUP_NAME: ApiError = ApiError::fixed(400, 10162, "Valid priority group name must match A-Z, a-z, 0-9, -_/=)+ and may not exceed 16 characters");
    /// 10163: `expected last sequence per subject temporarily unavailable`
    pub const STREAM_EXPECTED_LAST_SEQ_PER_SUBJECT_NOT_READY: ApiError = ApiError::fixed(503, 10163, "expected last sequence per subject temporarily unavailable");
    /// 10164: `wrong last sequence`
    pub const WRONG_LAST_SEQUENCE_WITHOUT_NUMBER: ApiError = ApiError::fixed(400, 10164, "wrong last sequence");
    /// 10165: `invalid per-message TTL`
    pub const MESSAGE_TTL_INVALID: ApiError = ApiError::fixed(400, 10165, "invalid per-message TTL");
    /// 10166: `per-message TTL is disabled`
    pub const MESSAGE_TTL_DISABLED: ApiError = ApiError::fixed(400, 10166, "per-message TTL is disabled");
    /// 10167: `too many requests`
    pub const STREAM_TOO_MANY_REQUESTS: ApiError = ApiError::fixed(429, 10167, "too many requests");
    /// 10168: `message counters is disabled`
    pub const MESSAGE_INCR_DISABLED: ApiError = ApiError::fixed(400, 10168, "message counters is disabled");
    /// 10169: `message counter increment is missing`
    pub const MESSAGE_INCR_MISSING: ApiError = ApiError::fixed(400, 10169, "message counter increment is missing");
    /// 10170: `message counter has payload`
    pub const MESSAGE_INCR_PAYLOAD: ApiError = ApiError::fixed(400, 10170, "message counter has payload");
    /// 10171: `message counter increment is invalid`
    pub const MESSAGE_INCR_INVALID: ApiError = ApiError::fixed(400, 10171, "message counter increment is invalid");
    /// 10172: `message counter is broken`
    pub const MESSAGE_COUNTER_BROKEN: ApiError = ApiError::fixed(400, 10172, "message counter is broken");
    /// 10173: `stream mirrors can not also calculate counters`
    pub const MIRROR_WITH_COUNTERS: ApiError = ApiError::fixed(400, 10173, "stream mirrors can not also calculate counters");
    /// 10174: `atomic publish is disabled`
    pub const ATOMIC_PUBLISH_DISABLED: ApiError = ApiError::fixed(400, 10174, "atomic publish is disabled");
    /// 10175: `atomic publish sequence is missing`
    pub const ATOMIC_PUBLISH_MISSING_SEQ: ApiError = ApiError::fixed(400, 10175, "atomic publish sequence is missing");
    /// 10176: `atomic publish batch is incomplete`
    pub const ATOMIC_PUBLISH_INCOMPLETE_BATCH: ApiError = ApiError::fixed(400, 10176, "atomic publish batch is incomplete");
    /// 10177: `atomic publish unsupported header used: {header}`
    pub fn atomic_publish_unsupported_header_batch(header: impl Display) -> ApiError {
        ApiError::filled(400, 10177, format!("atomic publish unsupported header used: {header}"))
    }
    /// 10178: `priority groups can not be used with push consumers`
    pub const CONSUMER_PUSH_WITH_PRIORITY_GROUP: ApiError = ApiError::fixed(400, 10178, "priority groups can not be used with push consumers");
    /// 10179: `atomic publish batch ID is invalid`
    pub const ATOMIC_PUBLISH_INVALID_BATCH_ID: ApiError = ApiError::fixed(400, 10179, "atomic publish batch ID is invalid");
    /// 10180: `min last sequence`
    pub const STREAM_MIN_LAST_SEQ: ApiError = ApiError::fixed(412, 10180, "min last sequence");
    /// 10181: `consumer ack policy invalid`
    pub const CONSUMER_ACK_POLICY_INVALID: ApiError = ApiError::fixed(400, 10181, "consumer ack policy invalid");
    /// 10182: `consumer replay policy invalid`
    pub const CONSUMER_REPLAY_POLICY_INVALID: ApiError = ApiError::fixed(400, 10182, "consumer replay policy invalid");
    /// 10183: `consumer ack wait needs to be positive`
    pub const CONSUMER_ACK_WAIT_NEGATIVE: ApiError = ApiError::fixed(400, 10183, "consumer ack wait needs to be positive");
    /// 10184: `consumer backoff needs to be positive`
    pub const CONSUMER_BACK_OFF_NEGATIVE: ApiError = ApiError::fixed(400, 10184, "consumer backoff needs to be positive");
    /// 10185: `JetStream minimum api level required`
    pub const REQUIRED_API_LEVEL: ApiError = ApiError::fixed(412, 10185, "JetStream minimum api level required");
    /// 10186: `stream mirrors can not also schedule messages`
    pub const MIRROR_WITH_MSG_SCHEDULES: ApiError = ApiError::fixed(400, 10186, "stream mirrors can not also schedule messages");
    /// 10187: `stream source can not also schedule messages`
    pub const SOURCE_WITH_MSG_SCHEDULES: ApiError = ApiError::fixed(400, 10187, "stream source can not also schedule messages");
    /// 10188: `message schedules is disabled`
    pub const MESSAGE_SCHEDULES_DISABLED: ApiError = ApiError::fixed(400, 10188, "message schedules is disabled");
    /// 10189: `message schedules pattern is invalid`
    pub const MESSAGE_SCHEDULES_PATTERN_INVALID: ApiError = ApiError::fixed(400, 10189, "message schedules pattern is invalid");
    /// 10190: `message schedules target is invalid`
    pub const MESSAGE_SCHEDULES_TARGET_INVALID: ApiError = ApiError::fixed(400, 10190, "message schedules target is invalid");
    /// 10191: `message schedules invalid per-message TTL`
    pub const MESSAGE_SCHEDULES_TTL_INVALID: ApiError = ApiError::fixed(400, 10191, "message schedules invalid per-message TTL");
    /// 10192: `message schedules invalid rollup`
    pub const MESSAGE_SCHEDULES_ROLLUP_INVALID: ApiError = ApiError::fixed(400, 10192, "message schedules invalid rollup");
    /// 10193: `missing sequence for expected last sequence per subject`
    pub const STREAM_EXPECTED_LAST_SEQ_PER_SUBJECT_INVALID: ApiError = ApiError::fixed(400, 10193, "missing sequence for expected last sequence per subject");
    /// 10194: `stream is offline: {err}`
    pub fn stream_offline_reason(err: impl Display) -> ApiError {
        ApiError::filled(500, 10194, format!("stream is offline: {err}"))
    }
    /// 10195: `consumer is offline: {err}`
    pub fn consumer_offline_reason(err: impl Display) -> ApiError {
        ApiError::filled(500, 10195, format!("consumer is offline: {err}"))
    }
    /// 10196: `consumer can not have priority groups when policy is none`
    pub const CONSUMER_PRIORITY_GROUP_WITH_POLICY_NONE: ApiError = ApiError::fixed(400, 10196, "consumer can not have priority groups when policy is none");
    /// 10197: `PinnedTTL cannot be set when PriorityPolicy is none`
    pub const CONSUMER_PINNED_TTL_WITHOUT_PRIORITY_POLICY_NONE: ApiError = ApiError::fixed(400, 10197, "PinnedTTL cannot be set when PriorityPolicy is none");
    /// 10198: `stream mirrors can not also use atomic publishing`
    pub const MIRROR_WITH_ATOMIC_PUBLISH: ApiError = ApiError::fixed(400, 10198, "stream mirrors can not also use atomic publishing");
    /// 10199: `atomic publish batch is too large: {size}`
    pub fn atomic_publish_too_large_batch(size: impl Display) -> ApiError {
        ApiError::filled(400, 10199, format!("atomic publish batch is too large: {size}"))
    }
    /// 10200: `atomic publish batch commit is invalid`
    pub const ATOMIC_PUBLISH_INVALID_BATCH_COMMIT: ApiError = ApiError::fixed(400, 10200, "atomic publish batch commit is invalid");
    /// 10201: `atomic publish batch contains duplicate message id`
    pub const ATOMIC_PUBLISH_CONTAINS_DUPLICATE_MESSAGE: ApiError = ApiError::fixed(400, 10201, "atomic publish batch contains duplicate message id");
    /// 10202: `cluster member change is in progress`
    pub const CLUSTER_SERVER_MEMBER_CHANGE_INFLIGHT: ApiError = ApiError::fixed(400, 10202, "cluster member change is in progress");
    /// 10203: `message schedules source is invalid`
    pub const MESSAGE_SCHEDULES_SOURCE_INVALID: ApiError = ApiError::fixed(400, 10203, "message schedules source is invalid");
    /// 10204: `invalid reset: {err}`
    pub fn consumer_invalid_reset(err: impl Display) -> ApiError {
        ApiError::filled(400, 10204, format!("invalid reset: {err}"))
    }
    /// 10205: `batch publish is disabled`
    pub const BATCH_PUBLISH_DISABLED: ApiError = ApiError::fixed(400, 10205, "batch publish is disabled");
    /// 10206: `batch publish pattern is invalid`
    pub const BATCH_PUBLISH_INVALID_PATTERN: ApiError = ApiError::fixed(400, 10206, "batch publish pattern is invalid");
    /// 10207: `batch publish ID is invalid`
    pub const BATCH_PUBLISH_INVALID_BATCH_ID: ApiError = ApiError::fixed(400, 10207, "batch publish ID is invalid");
    /// 10208: `batch publish ID unknown`
    pub const BATCH_PUBLISH_UNKNOWN_BATCH_ID: ApiError = ApiError::fixed(400, 10208, "batch publish ID unknown");
    /// 10209: `stream mirrors can not also use batch publishing`
    pub const MIRROR_WITH_BATCH_PUBLISH: ApiError = ApiError::fixed(400, 10209, "stream mirrors can not also use batch publishing");
    /// 10210: `atomic publish too many inflight`
    pub const ATOMIC_PUBLISH_TOO_MANY_INFLIGHT: ApiError = ApiError::fixed(429, 10210, "atomic publish too many inflight");
    /// 10211: `batch publish too many inflight`
    pub const BATCH_PUBLISH_TOO_MANY_INFLIGHT: ApiError = ApiError::fixed(429, 10211, "batch publish too many inflight");
    /// 10212: `message schedules invalid scheduler`
    pub const MESSAGE_SCHEDULES_SCHEDULER_INVALID: ApiError = ApiError::fixed(400, 10212, "message schedules invalid scheduler");
    /// 10213: `stream mirror consumer config is invalid`
    pub const MIRROR_DURABLE_CONSUMER_CFG_INVALID: ApiError = ApiError::fixed(400, 10213, "stream mirror consumer config is invalid");
    /// 10214: `stream mirror consumer requires flow control ack policy`
    pub const MIRROR_CONSUMER_REQUIRES_ACK_FC: ApiError = ApiError::fixed(400, 10214, "stream mirror consumer requires flow control ack policy");
    /// 10215: `stream source consumer config is invalid`
    pub const SOURCE_DURABLE_CONSUMER_CFG_INVALID: ApiError = ApiError::fixed(400, 10215, "stream source consumer config is invalid");
    /// 10216: `duplicate stream source consumer detected`
    pub const SOURCE_DURABLE_CONSUMER_DUPLICATE_DETECTED: ApiError = ApiError::fixed(400, 10216, "duplicate stream source consumer detected");
    /// 10217: `stream source consumer requires flow control ack policy`
    pub const SOURCE_CONSUMER_REQUIRES_ACK_FC: ApiError = ApiError::fixed(400, 10217, "stream source consumer requires flow control ack policy");
    /// 10218: `flow control ack policy requires a push based consumer`
    pub const CONSUMER_ACK_FC_REQUIRES_PUSH: ApiError = ApiError::fixed(400, 10218, "flow control ack policy requires a push based consumer");
    /// 10219: `flow control ack policy requires flow control`
    pub const CONSUMER_ACK_FC_REQUIRES_FC: ApiError = ApiError::fixed(400, 10219, "flow control ack policy requires flow control");
    /// 10220: `flow control ack policy requires max ack pending`
    pub const CONSUMER_ACK_FC_REQUIRES_MAX_ACK_PENDING: ApiError = ApiError::fixed(400, 10220, "flow control ack policy requires max ack pending");
    /// 10221: `flow control ack policy requires unset ack wait`
    pub const CONSUMER_ACK_FC_REQUIRES_NO_ACK_WAIT: ApiError = ApiError::fixed(400, 10221, "flow control ack policy requires unset ack wait");
    /// 10222: `flow control ack policy requires unset max deliver`
    pub const CONSUMER_ACK_FC_REQUIRES_NO_MAX_DELIVER: ApiError = ApiError::fixed(400, 10222, "flow control ack policy requires unset max deliver");
    /// 10223: `message schedules time zone is invalid`
    pub const MESSAGE_SCHEDULES_TIME_ZONE_INVALID: ApiError = ApiError::fixed(400, 10223, "message schedules time zone is invalid");
    /// 10224: `JetStream system rescue not applied: {err}`
    pub fn cluster_rescue(err: impl Display) -> ApiError {
        ApiError::filled(400, 10224, format!("JetStream system rescue not applied: {err}"))
    }
    /// 10225: `consumer's stream identity does not match: {msg}`
    pub fn consumer_stream_identity_mismatch(msg: impl Display) -> ApiError {
        ApiError::filled(400, 10225, format!("consumer's stream identity does not match: {msg}"))
    }
    /// 10226: `stream reconfiguration already in progress`
    pub const STREAM_RECONFIGURE_IN_PROGRESS: ApiError = ApiError::fixed(400, 10226, "stream reconfiguration already in progress");
    /// 10227: `message stream source header is not allowed`
    pub const MESSAGE_SOURCE_HDR_NOT_ALLOWED: ApiError = ApiError::fixed(400, 10227, "message stream source header is not allowed");
}

/// Every error there is, by `err_code`.
pub static ERROR_ROWS: &[ErrorRow] = &[
    ErrorRow { err_code: 10002, code: 400, name: "account_resources_exceeded", text: "resource limits exceeded for account" },
    ErrorRow { err_code: 10003, code: 400, name: "bad_request", text: "bad request" },
    ErrorRow { err_code: 10004, code: 503, name: "cluster_incomplete", text: "incomplete results" },
    ErrorRow { err_code: 10005, code: 400, name: "cluster_no_peers", text: "{err}" },
    ErrorRow { err_code: 10006, code: 500, name: "cluster_not_active", text: "JetStream not in clustered mode" },
    ErrorRow { err_code: 10007, code: 500, name: "cluster_not_assigned", text: "JetStream cluster not assigned to this server" },
    ErrorRow { err_code: 10008, code: 503, name: "cluster_not_avail", text: "JetStream system temporarily unavailable" },
    ErrorRow { err_code: 10009, code: 500, name: "cluster_not_leader", text: "JetStream cluster can not handle request" },
    ErrorRow { err_code: 10010, code: 503, name: "cluster_required", text: "JetStream clustering support required" },
    ErrorRow { err_code: 10011, code: 400, name: "cluster_tags", text: "tags placement not supported for operation" },
    ErrorRow { err_code: 10012, code: 500, name: "consumer_create", text: "{err}" },
    ErrorRow { err_code: 10013, code: 400, name: "consumer_name_in_use", text: "consumer name already in use" },
    ErrorRow { err_code: 10014, code: 404, name: "consumer_not_found", text: "consumer not found" },
    ErrorRow { err_code: 10015, code: 400, name: "snapshot_deliver_subject_invalid", text: "deliver subject not valid" },
    ErrorRow { err_code: 10016, code: 400, name: "consumer_durable_name_not_in_subject", text: "consumer expected to be durable but no durable name set in subject" },
    ErrorRow { err_code: 10017, code: 400, name: "consumer_durable_name_not_match_subject", text: "consumer name in subject does not match durable name in request" },
    ErrorRow { err_code: 10018, code: 400, name: "consumer_durable_name_not_set", text: "consumer expected to be durable but a durable name was not set" },
    ErrorRow { err_code: 10019, code: 400, name: "consumer_ephemeral_with_durable_in_subject", text: "consumer expected to be ephemeral but detected a durable name set in subject" },
    ErrorRow { err_code: 10020, code: 400, name: "consumer_ephemeral_with_durable_name", text: "consumer expected to be ephemeral but a durable name was set in request" },
    ErrorRow { err_code: 10021, code: 400, name: "stream_external_api_overlap", text: "stream external api prefix {prefix} must not overlap with {subject}" },
    ErrorRow { err_code: 10022, code: 400, name: "stream_external_del_prefix_overlaps", text: "stream external delivery prefix {prefix} overlaps with stream subject {subject}" },
    ErrorRow { err_code: 10023, code: 503, name: "insufficient_resources", text: "insufficient resources" },
    ErrorRow { err_code: 10024, code: 400, name: "stream_invalid_external_delivery_subj", text: "stream external delivery prefix {prefix} must not contain wildcards" },
    ErrorRow { err_code: 10025, code: 400, name: "invalid_json", text: "invalid JSON: {err}" },
    ErrorRow { err_code: 10026, code: 400, name: "maximum_consumers_limit", text: "maximum consumers limit reached" },
    ErrorRow { err_code: 10027, code: 400, name: "maximum_streams_limit", text: "maximum number of streams reached" },
    ErrorRow { err_code: 10028, code: 500, name: "memory_resources_exceeded", text: "insufficient memory resources available" },
    ErrorRow { err_code: 10029, code: 500, name: "mirror_consumer_setup_failed", text: "{err}" },
    ErrorRow { err_code: 10030, code: 400, name: "mirror_max_message_size_too_big", text: "stream mirror must have max message size >= source" },
    ErrorRow { err_code: 10031, code: 400, name: "mirror_with_sources", text: "stream mirrors can not also contain other sources" },
    ErrorRow { err_code: 10032, code: 400, name: "mirror_with_start_seq_and_time", text: "stream mirrors can not have both start seq and start time configured" },
    ErrorRow { err_code: 10033, code: 400, name: "mirror_with_subject_filters", text: "stream mirrors can not contain filtered subjects" },
    ErrorRow { err_code: 10034, code: 400, name: "mirror_with_subjects", text: "stream mirrors can not contain subjects" },
    ErrorRow { err_code: 10035, code: 503, name: "no_account", text: "account not found" },
    ErrorRow { err_code: 10036, code: 503, name: "cluster_un_support_feature", text: "not currently supported in clustered mode" },
    ErrorRow { err_code: 10037, code: 404, name: "no_message_found", text: "no message found" },
    ErrorRow { err_code: 10038, code: 400, name: "not_empty_request", text: "expected an empty request payload" },
    ErrorRow { err_code: 10039, code: 503, name: "not_enabled_for_account", text: "JetStream not enabled for account" },
    ErrorRow { err_code: 10040, code: 400, name: "cluster_peer_not_member", text: "peer not a member" },
    ErrorRow { err_code: 10041, code: 500, name: "raft_general", text: "{err}" },
    ErrorRow { err_code: 10042, code: 500, name: "restore_subscribe_failed", text: "JetStream unable to subscribe to restore snapshot {subject}: {err}" },
    ErrorRow { err_code: 10043, code: 400, name: "sequence_not_found", text: "sequence {seq} not found" },
    ErrorRow { err_code: 10044, code: 400, name: "cluster_server_not_member", text: "server is not a member of the cluster" },
    ErrorRow { err_code: 10045, code: 500, name: "source_consumer_setup_failed", text: "{err}" },
    ErrorRow { err_code: 10046, code: 400, name: "source_max_message_size_too_big", text: "stream source must have max message size >= target" },
    ErrorRow { err_code: 10047, code: 500, name: "storage_resources_exceeded", text: "insufficient storage resources available" },
    ErrorRow { err_code: 10048, code: 500, name: "stream_assignment", text: "{err}" },
    ErrorRow { err_code: 10049, code: 500, name: "stream_create", text: "{err}" },
    ErrorRow { err_code: 10050, code: 500, name: "stream_delete", text: "{err}" },
    ErrorRow { err_code: 10051, code: 500, name: "stream_general_error", text: "{err}" },
    ErrorRow { err_code: 10052, code: 500, name: "stream_invalid_config", text: "{err}" },
    ErrorRow { err_code: 10053, code: 500, name: "stream_limits", text: "{err}" },
    ErrorRow { err_code: 10054, code: 400, name: "stream_message_exceeds_maximum", text: "message size exceeds maximum allowed" },
    ErrorRow { err_code: 10055, code: 400, name: "stream_mirror_not_updatable", text: "stream mirror configuration can not be updated" },
    ErrorRow { err_code: 10056, code: 400, name: "stream_mismatch", text: "stream name in subject does not match request" },
    ErrorRow { err_code: 10057, code: 500, name: "stream_msg_delete_failed", text: "{err}" },
    ErrorRow { err_code: 10058, code: 400, name: "stream_name_in_use", text: "stream name already in use with a different configuration" },
    ErrorRow { err_code: 10059, code: 404, name: "stream_not_found", text: "stream not found" },
    ErrorRow { err_code: 10060, code: 400, name: "stream_not_match", text: "expected stream does not match" },
    ErrorRow { err_code: 10061, code: 400, name: "stream_replicas_not_updatable", text: "Replicas configuration can not be updated" },
    ErrorRow { err_code: 10062, code: 500, name: "stream_restore", text: "restore failed: {err}" },
    ErrorRow { err_code: 10063, code: 503, name: "stream_sequence_not_match", text: "expected stream sequence does not match" },
    ErrorRow { err_code: 10064, code: 500, name: "stream_snapshot", text: "snapshot failed: {err}" },
    ErrorRow { err_code: 10065, code: 400, name: "stream_subject_overlap", text: "subjects overlap with an existing stream" },
    ErrorRow { err_code: 10066, code: 500, name: "stream_template_create", text: "{err}" },
    ErrorRow { err_code: 10067, code: 500, name: "stream_template_delete", text: "{err}" },
    ErrorRow { err_code: 10068, code: 404, name: "stream_template_not_found", text: "template not found" },
    ErrorRow { err_code: 10069, code: 500, name: "stream_update", text: "{err}" },
    ErrorRow { err_code: 10070, code: 400, name: "wrong_last_msg_id", text: "wrong last msg ID: {id}" },
    ErrorRow { err_code: 10071, code: 400, name: "wrong_last_sequence", text: "wrong last sequence: {seq}" },
    ErrorRow { err_code: 10072, code: 500, name: "temp_storage_failed", text: "JetStream unable to open temp storage for restore" },
    ErrorRow { err_code: 10073, code: 400, name: "template_name_not_match_subject", text: "template name in subject does not match request" },
    ErrorRow { err_code: 10074, code: 500, name: "stream_replicas_not_supported", text: "replicas > 1 not supported in non-clustered mode" },
    ErrorRow { err_code: 10075, code: 503, name: "peer_remap", text: "peer remap failed" },
    ErrorRow { err_code: 10076, code: 503, name: "not_enabled", text: "JetStream not enabled" },
    ErrorRow { err_code: 10077, code: 503, name: "stream_store_failed", text: "{err}" },
    ErrorRow { err_code: 10078, code: 400, name: "consumer_config_required", text: "consumer config required" },
    ErrorRow { err_code: 10079, code: 400, name: "consumer_deliver_to_wildcards", text: "consumer deliver subject has wildcards" },
    ErrorRow { err_code: 10080, code: 400, name: "consumer_push_max_waiting", text: "consumer in push mode can not set max waiting" },
    ErrorRow { err_code: 10081, code: 400, name: "consumer_deliver_cycle", text: "consumer deliver subject forms a cycle" },
    ErrorRow { err_code: 10082, code: 400, name: "consumer_max_pending_ack_policy_required", text: "consumer requires ack policy for max ack pending" },
    ErrorRow { err_code: 10083, code: 400, name: "consumer_small_heartbeat", text: "consumer idle heartbeat needs to be >= 100ms" },
    ErrorRow { err_code: 10084, code: 400, name: "consumer_pull_requires_ack", text: "consumer in pull mode requires explicit ack policy on workqueue stream" },
    ErrorRow { err_code: 10085, code: 400, name: "consumer_pull_not_durable", text: "consumer in pull mode requires a durable name" },
    ErrorRow { err_code: 10086, code: 400, name: "consumer_pull_with_rate_limit", text: "consumer in pull mode can not have rate limit set" },
    ErrorRow { err_code: 10087, code: 400, name: "consumer_max_waiting_negative", text: "consumer max waiting needs to be positive" },
    ErrorRow { err_code: 10088, code: 400, name: "consumer_hb_requires_push", text: "consumer idle heartbeat requires a push based consumer" },
    ErrorRow { err_code: 10089, code: 400, name: "consumer_fc_requires_push", text: "consumer flow control requires a push based consumer" },
    ErrorRow { err_code: 10090, code: 400, name: "consumer_direct_requires_push", text: "consumer direct requires a push based consumer" },
    ErrorRow { err_code: 10091, code: 400, name: "consumer_direct_requires_ephemeral", text: "consumer direct requires an ephemeral consumer" },
    ErrorRow { err_code: 10092, code: 400, name: "consumer_on_mapped", text: "consumer direct on a mapped consumer" },
    ErrorRow { err_code: 10093, code: 400, name: "consumer_filter_not_subset", text: "consumer filter subject is not a valid subset of the interest subjects" },
    ErrorRow { err_code: 10094, code: 400, name: "consumer_invalid_policy", text: "{err}" },
    ErrorRow { err_code: 10095, code: 400, name: "consumer_invalid_sampling", text: "failed to parse consumer sampling configuration: {err}" },
    ErrorRow { err_code: 10096, code: 500, name: "stream_invalid", text: "stream not valid" },
    ErrorRow { err_code: 10097, code: 400, name: "stream_header_exceeds_maximum", text: "header size exceeds maximum allowed of 64k" },
    ErrorRow { err_code: 10098, code: 400, name: "consumer_wq_requires_explicit_ack", text: "workqueue stream requires explicit ack" },
    ErrorRow { err_code: 10099, code: 400, name: "consumer_wq_multiple_unfiltered", text: "multiple non-filtered consumers not allowed on workqueue stream" },
    ErrorRow { err_code: 10100, code: 400, name: "consumer_wq_consumer_not_unique", text: "filtered consumer not unique on workqueue stream" },
    ErrorRow { err_code: 10101, code: 400, name: "consumer_wq_consumer_not_deliver_all", text: "consumer must be deliver all on workqueue stream" },
    ErrorRow { err_code: 10102, code: 400, name: "consumer_name_too_long", text: "consumer name is too long, maximum allowed is {max}" },
    ErrorRow { err_code: 10103, code: 400, name: "consumer_bad_durable_name", text: "durable name can not contain '.', '*', '>'" },
    ErrorRow { err_code: 10104, code: 500, name: "consumer_store_failed", text: "error creating store for consumer: {err}" },
    ErrorRow { err_code: 10105, code: 400, name: "consumer_existing_active", text: "consumer already exists and is still active" },
    ErrorRow { err_code: 10106, code: 400, name: "consumer_replacement_with_different_name", text: "consumer replacement durable config not the same" },
    ErrorRow { err_code: 10107, code: 400, name: "consumer_description_too_long", text: "consumer description is too long, maximum allowed is {max}" },
    ErrorRow { err_code: 10108, code: 400, name: "consumer_with_flow_control_needs_heartbeats", text: "consumer with flow control also needs heartbeats" },
    ErrorRow { err_code: 10109, code: 400, name: "stream_sealed", text: "invalid operation on sealed stream" },
    ErrorRow { err_code: 10110, code: 500, name: "stream_purge_failed", text: "{err}" },
    ErrorRow { err_code: 10111, code: 500, name: "stream_rollup_failed", text: "{err}" },
    ErrorRow { err_code: 10112, code: 400, name: "consumer_invalid_deliver_subject", text: "invalid push consumer deliver subject" },
    ErrorRow { err_code: 10113, code: 400, name: "stream_max_bytes_required", text: "account requires a stream config to have max bytes set" },
    ErrorRow { err_code: 10114, code: 400, name: "consumer_max_request_batch_negative", text: "consumer max request batch needs to be > 0" },
    ErrorRow { err_code: 10115, code: 400, name: "consumer_max_request_expires_too_small", text: "consumer max request expires needs to be >= 1ms" },
    ErrorRow { err_code: 10116, code: 400, name: "consumer_max_deliver_backoff", text: "max deliver is required to be > length of backoff values" },
    ErrorRow { err_code: 10117, code: 500, name: "stream_info_max_subjects", text: "subject details would exceed maximum allowed" },
    ErrorRow { err_code: 10118, code: 500, name: "stream_offline", text: "stream is offline" },
    ErrorRow { err_code: 10119, code: 500, name: "consumer_offline", text: "consumer is offline" },
    ErrorRow { err_code: 10120, code: 400, name: "no_limits", text: "no JetStream default or applicable tiered limit present" },
    ErrorRow { err_code: 10121, code: 400, name: "consumer_max_pending_ack_excess", text: "consumer max ack pending exceeds system limit of {limit}" },
    ErrorRow { err_code: 10122, code: 400, name: "stream_max_stream_bytes_exceeded", text: "stream max bytes exceeds account limit max stream bytes" },
    ErrorRow { err_code: 10123, code: 400, name: "stream_move_and_scale", text: "can not move and scale a stream in a single update" },
    ErrorRow { err_code: 10124, code: 400, name: "stream_move_in_progress", text: "stream move already in progress" },
    ErrorRow { err_code: 10125, code: 400, name: "consumer_max_request_batch_exceeded", text: "consumer max request batch exceeds server limit of {limit}" },
    ErrorRow { err_code: 10126, code: 400, name: "consumer_replicas_exceeds_stream", text: "consumer config replica count exceeds parent stream" },
    ErrorRow { err_code: 10127, code: 400, name: "consumer_name_contains_path_separators", text: "Consumer name can not contain path separators" },
    ErrorRow { err_code: 10128, code: 400, name: "stream_name_contains_path_separators", text: "Stream name can not contain path separators" },
    ErrorRow { err_code: 10129, code: 400, name: "stream_reconfigure_not_in_progress", text: "stream reconfiguration not in progress" },
    ErrorRow { err_code: 10130, code: 400, name: "stream_name_exist_restore_failed", text: "stream name already in use, cannot restore" },
    ErrorRow { err_code: 10131, code: 400, name: "consumer_create_filter_subject_mismatch", text: "Consumer create request did not match filtered subject from create subject" },
    ErrorRow { err_code: 10132, code: 400, name: "consumer_create_durable_and_name_mismatch", text: "Consumer Durable and Name have to be equal if both are provided" },
    ErrorRow { err_code: 10133, code: 400, name: "replicas_count_cannot_be_negative", text: "replicas count cannot be negative" },
    ErrorRow { err_code: 10134, code: 400, name: "consumer_replicas_should_match_stream", text: "consumer config replicas must match interest retention stream's replicas" },
    ErrorRow { err_code: 10135, code: 400, name: "consumer_metadata_length", text: "consumer metadata exceeds maximum size of {limit}" },
    ErrorRow { err_code: 10136, code: 400, name: "consumer_duplicate_filter_subjects", text: "consumer cannot have both FilterSubject and FilterSubjects specified" },
    ErrorRow { err_code: 10137, code: 400, name: "consumer_multiple_filters_not_allowed", text: "consumer with multiple subject filters cannot use subject based API" },
    ErrorRow { err_code: 10138, code: 400, name: "consumer_overlapping_subject_filters", text: "consumer subject filters cannot overlap" },
    ErrorRow { err_code: 10139, code: 400, name: "consumer_empty_filter", text: "consumer filter in FilterSubjects cannot be empty" },
    ErrorRow { err_code: 10140, code: 400, name: "source_duplicate_detected", text: "duplicate source configuration detected" },
    ErrorRow { err_code: 10141, code: 400, name: "source_invalid_stream_name", text: "sourced stream name is invalid" },
    ErrorRow { err_code: 10142, code: 400, name: "mirror_invalid_stream_name", text: "mirrored stream name is invalid" },
    ErrorRow { err_code: 10143, code: 400, name: "mirror_with_first_seq", text: "stream mirrors can not have first sequence configured" },
    ErrorRow { err_code: 10144, code: 400, name: "source_multiple_filters_not_allowed", text: "source with multiple subject transforms cannot also have a single subject filter" },
    ErrorRow { err_code: 10145, code: 400, name: "source_invalid_subject_filter", text: "source transform source: {err}" },
    ErrorRow { err_code: 10146, code: 400, name: "source_invalid_transform_destination", text: "source transform: {err}" },
    ErrorRow { err_code: 10147, code: 400, name: "source_overlapping_subject_filters", text: "source filters can not overlap" },
    ErrorRow { err_code: 10148, code: 400, name: "consumer_already_exists", text: "consumer already exists" },
    ErrorRow { err_code: 10149, code: 400, name: "consumer_does_not_exist", text: "consumer does not exist" },
    ErrorRow { err_code: 10150, code: 400, name: "mirror_multiple_filters_not_allowed", text: "mirror with multiple subject transforms cannot also have a single subject filter" },
    ErrorRow { err_code: 10151, code: 400, name: "mirror_invalid_subject_filter", text: "mirror transform source: {err}" },
    ErrorRow { err_code: 10152, code: 400, name: "mirror_overlapping_subject_filters", text: "mirror subject filters can not overlap" },
    ErrorRow { err_code: 10153, code: 400, name: "consumer_inactive_threshold_excess", text: "consumer inactive threshold exceeds system limit of {limit}" },
    ErrorRow { err_code: 10154, code: 400, name: "mirror_invalid_transform_destination", text: "mirror transform: {err}" },
    ErrorRow { err_code: 10155, code: 400, name: "stream_transform_invalid_source", text: "stream transform source: {err}" },
    ErrorRow { err_code: 10156, code: 400, name: "stream_transform_invalid_destination", text: "stream transform: {err}" },
    ErrorRow { err_code: 10157, code: 400, name: "pedantic", text: "pedantic mode: {err}" },
    ErrorRow { err_code: 10158, code: 409, name: "stream_duplicate_message_conflict", text: "duplicate message id is in process" },
    ErrorRow { err_code: 10159, code: 400, name: "consumer_priority_policy_without_group", text: "Setting PriorityPolicy requires at least one PriorityGroup to be set" },
    ErrorRow { err_code: 10160, code: 400, name: "consumer_invalid_priority_group", text: "Provided priority group does not exist for this consumer" },
    ErrorRow { err_code: 10161, code: 400, name: "consumer_empty_group_name", text: "Group name cannot be an empty string" },
    ErrorRow { err_code: 10162, code: 400, name: "consumer_invalid_group_name", text: "Valid priority group name must match A-Z, a-z, 0-9, -_/=)+ and may not exceed 16 characters" },
    ErrorRow { err_code: 10163, code: 503, name: "stream_expected_last_seq_per_subject_not_ready", text: "expected last sequence per subject temporarily unavailable" },
    ErrorRow { err_code: 10164, code: 400, name: "wrong_last_sequence_without_number", text: "wrong last sequence" },
    ErrorRow { err_code: 10165, code: 400, name: "message_ttl_invalid", text: "invalid per-message TTL" },
    ErrorRow { err_code: 10166, code: 400, name: "message_ttl_disabled", text: "per-message TTL is disabled" },
    ErrorRow { err_code: 10167, code: 429, name: "stream_too_many_requests", text: "too many requests" },
    ErrorRow { err_code: 10168, code: 400, name: "message_incr_disabled", text: "message counters is disabled" },
    ErrorRow { err_code: 10169, code: 400, name: "message_incr_missing", text: "message counter increment is missing" },
    ErrorRow { err_code: 10170, code: 400, name: "message_incr_payload", text: "message counter has payload" },
    ErrorRow { err_code: 10171, code: 400, name: "message_incr_invalid", text: "message counter increment is invalid" },
    ErrorRow { err_code: 10172, code: 400, name: "message_counter_broken", text: "message counter is broken" },
    ErrorRow { err_code: 10173, code: 400, name: "mirror_with_counters", text: "stream mirrors can not also calculate counters" },
    ErrorRow { err_code: 10174, code: 400, name: "atomic_publish_disabled", text: "atomic publish is disabled" },
    ErrorRow { err_code: 10175, code: 400, name: "atomic_publish_missing_seq", text: "atomic publish sequence is missing" },
    ErrorRow { err_code: 10176, code: 400, name: "atomic_publish_incomplete_batch", text: "atomic publish batch is incomplete" },
    ErrorRow { err_code: 10177, code: 400, name: "atomic_publish_unsupported_header_batch", text: "atomic publish unsupported header used: {header}" },
    ErrorRow { err_code: 10178, code: 400, name: "consumer_push_with_priority_group", text: "priority groups can not be used with push consumers" },
    ErrorRow { err_code: 10179, code: 400, name: "atomic_publish_invalid_batch_id", text: "atomic publish batch ID is invalid" },
    ErrorRow { err_code: 10180, code: 412, name: "stream_min_last_seq", text: "min last sequence" },
    ErrorRow { err_code: 10181, code: 400, name: "consumer_ack_policy_invalid", text: "consumer ack policy invalid" },
    ErrorRow { err_code: 10182, code: 400, name: "consumer_replay_policy_invalid", text: "consumer replay policy invalid" },
    ErrorRow { err_code: 10183, code: 400, name: "consumer_ack_wait_negative", text: "consumer ack wait needs to be positive" },
    ErrorRow { err_code: 10184, code: 400, name: "consumer_back_off_negative", text: "consumer backoff needs to be positive" },
    ErrorRow { err_code: 10185, code: 412, name: "required_api_level", text: "JetStream minimum api level required" },
    ErrorRow { err_code: 10186, code: 400, name: "mirror_with_msg_schedules", text: "stream mirrors can not also schedule messages" },
    ErrorRow { err_code: 10187, code: 400, name: "source_with_msg_schedules", text: "stream source can not also schedule messages" },
    ErrorRow { err_code: 10188, code: 400, name: "message_schedules_disabled", text: "message schedules is disabled" },
    ErrorRow { err_code: 10189, code: 400, name: "message_schedules_pattern_invalid", text: "message schedules pattern is invalid" },
    ErrorRow { err_code: 10190, code: 400, name: "message_schedules_target_invalid", text: "message schedules target is invalid" },
    ErrorRow { err_code: 10191, code: 400, name: "message_schedules_ttl_invalid", text: "message schedules invalid per-message TTL" },
    ErrorRow { err_code: 10192, code: 400, name: "message_schedules_rollup_invalid", text: "message schedules invalid rollup" },
    ErrorRow { err_code: 10193, code: 400, name: "stream_expected_last_seq_per_subject_invalid", text: "missing sequence for expected last sequence per subject" },
    ErrorRow { err_code: 10194, code: 500, name: "stream_offline_reason", text: "stream is offline: {err}" },
    ErrorRow { err_code: 10195, code: 500, name: "consumer_offline_reason", text: "consumer is offline: {err}" },
    ErrorRow { err_code: 10196, code: 400, name: "consumer_priority_group_with_policy_none", text: "consumer can not have priority groups when policy is none" },
    ErrorRow { err_code: 10197, code: 400, name: "consumer_pinned_ttl_without_priority_policy_none", text: "PinnedTTL cannot be set when PriorityPolicy is none" },
    ErrorRow { err_code: 10198, code: 400, name: "mirror_with_atomic_publish", text: "stream mirrors can not also use atomic publishing" },
    ErrorRow { err_code: 10199, code: 400, name: "atomic_publish_too_large_batch", text: "atomic publish batch is too large: {size}" },
    ErrorRow { err_code: 10200, code: 400, name: "atomic_publish_invalid_batch_commit", text: "atomic publish batch commit is invalid" },
    ErrorRow { err_code: 10201, code: 400, name: "atomic_publish_contains_duplicate_message", text: "atomic publish batch contains duplicate message id" },
    ErrorRow { err_code: 10202, code: 400, name: "cluster_server_member_change_inflight", text: "cluster member change is in progress" },
    ErrorRow { err_code: 10203, code: 400, name: "message_schedules_source_invalid", text: "message schedules source is invalid" },
    ErrorRow { err_code: 10204, code: 400, name: "consumer_invalid_reset", text: "invalid reset: {err}" },
    ErrorRow { err_code: 10205, code: 400, name: "batch_publish_disabled", text: "batch publish is disabled" },
    ErrorRow { err_code: 10206, code: 400, name: "batch_publish_invalid_pattern", text: "batch publish pattern is invalid" },
    ErrorRow { err_code: 10207, code: 400, name: "batch_publish_invalid_batch_id", text: "batch publish ID is invalid" },
    ErrorRow { err_code: 10208, code: 400, name: "batch_publish_unknown_batch_id", text: "batch publish ID unknown" },
    ErrorRow { err_code: 10209, code: 400, name: "mirror_with_batch_publish", text: "stream mirrors can not also use batch publishing" },
    ErrorRow { err_code: 10210, code: 429, name: "atomic_publish_too_many_inflight", text: "atomic publish too many inflight" },
    ErrorRow { err_code: 10211, code: 429, name: "batch_publish_too_many_inflight", text: "batch publish too many inflight" },
    ErrorRow { err_code: 10212, code: 400, name: "message_schedules_scheduler_invalid", text: "message schedules invalid scheduler" },
    ErrorRow { err_code: 10213, code: 400, name: "mirror_durable_consumer_cfg_invalid", text: "stream mirror consumer config is invalid" },
    ErrorRow { err_code: 10214, code: 400, name: "mirror_consumer_requires_ack_fc", text: "stream mirror consumer requires flow control ack policy" },
    ErrorRow { err_code: 10215, code: 400, name: "source_durable_consumer_cfg_invalid", text: "stream source consumer config is invalid" },
    ErrorRow { err_code: 10216, code: 400, name: "source_durable_consumer_duplicate_detected", text: "duplicate stream source consumer detected" },
    ErrorRow { err_code: 10217, code: 400, name: "source_consumer_requires_ack_fc", text: "stream source consumer requires flow control ack policy" },
    ErrorRow { err_code: 10218, code: 400, name: "consumer_ack_fc_requires_push", text: "flow control ack policy requires a push based consumer" },
    ErrorRow { err_code: 10219, code: 400, name: "consumer_ack_fc_requires_fc", text: "flow control ack policy requires flow control" },
    ErrorRow { err_code: 10220, code: 400, name: "consumer_ack_fc_requires_max_ack_pending", text: "flow control ack policy requires max ack pending" },
    ErrorRow { err_code: 10221, code: 400, name: "consumer_ack_fc_requires_no_ack_wait", text: "flow control ack policy requires unset ack wait" },
    ErrorRow { err_code: 10222, code: 400, name: "consumer_ack_fc_requires_no_max_deliver", text: "flow control ack policy requires unset max deliver" },
    ErrorRow { err_code: 10223, code: 400, name: "message_schedules_time_zone_invalid", text: "message schedules time zone is invalid" },
    ErrorRow { err_code: 10224, code: 400, name: "cluster_rescue", text: "JetStream system rescue not applied: {err}" },
    ErrorRow { err_code: 10225, code: 400, name: "consumer_stream_identity_mismatch", text: "consumer's stream identity does not match: {msg}" },
    ErrorRow { err_code: 10226, code: 400, name: "stream_reconfigure_in_progress", text: "stream reconfiguration already in progress" },
    ErrorRow { err_code: 10227, code: 400, name: "message_source_hdr_not_allowed", text: "message stream source header is not allowed" },
];
