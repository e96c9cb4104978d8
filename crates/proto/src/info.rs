use serde::Serialize;

/// What the server tells about itself, in the order in which nats-server writes it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Info {
    /// Public nkey of the server.
    pub server_id: String,
    /// Its name; the id if it was given none.
    pub server_name: String,
    /// Version of nats-server whose behaviour this is.
    pub version: String,
    /// Level of the client protocol.
    pub proto: u8,
    /// Commit it was built from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub git_commit: String,
    /// What it was compiled with.
    pub go: String,
    /// Address it listens on, or is advertised.
    pub host: String,
    /// Port it listens on, or is advertised.
    pub port: u16,
    /// Whether headers are supported.
    pub headers: bool,
    /// Whether `CONNECT` has to carry credentials.
    #[serde(skip_serializing_if = "is_false")]
    pub auth_required: bool,
    /// Largest message, headers included.
    pub max_payload: usize,
    /// Whether JetStream is on.
    #[serde(skip_serializing_if = "is_false")]
    pub jetstream: bool,
    /// Number of this connection.
    #[serde(skip_serializing_if = "is_zero")]
    pub client_id: u64,
    /// Address the connection comes from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_ip: String,
    /// What an nkey has to sign.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nonce: String,
    /// Whether the server is about to go away.
    #[serde(skip_serializing_if = "is_false")]
    pub ldm: bool,
    /// Marks the `INFO` that follows the first `PONG`.
    #[serde(skip_serializing_if = "is_false")]
    pub connect_info: bool,
    /// Account of this connection.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_account: String,
    /// Whether that is the system account.
    #[serde(skip_serializing_if = "is_false")]
    pub acc_is_sys: bool,
    /// Level of the JetStream API.
    #[serde(skip_serializing_if = "is_zero")]
    pub api_lvl: u64,
    /// Public x25519 key of the server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub xkey: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl Info {
    /// Appends the `INFO` line, with the blank that nats-server leaves before its end.
    pub fn append_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"INFO ");
        // A struct of strings, numbers and flags always serializes.
        out.extend_from_slice(&serde_json::to_vec(self).unwrap_or_default());
        out.extend_from_slice(b" \r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_line_has_the_fields_in_the_order_of_nats_server() {
        let info = Info {
            server_id: "NA".into(),
            server_name: "n".into(),
            version: "2.15.1".into(),
            proto: 1,
            go: "rust".into(),
            host: "0.0.0.0".into(),
            port: 4222,
            headers: true,
            max_payload: 1_048_576,
            client_id: 5,
            client_ip: "127.0.0.1".into(),
            api_lvl: 5,
            ..Info::default()
        };
        let mut line = Vec::new();

        info.append_line(&mut line);

        assert_eq!(
            String::from_utf8(line).unwrap(),
            "INFO {\"server_id\":\"NA\",\"server_name\":\"n\",\"version\":\"2.15.1\",\"proto\":1,\"go\":\"rust\",\
             \"host\":\"0.0.0.0\",\"port\":4222,\"headers\":true,\"max_payload\":1048576,\"client_id\":5,\
             \"client_ip\":\"127.0.0.1\",\"api_lvl\":5} \r\n"
        );
    }
}
