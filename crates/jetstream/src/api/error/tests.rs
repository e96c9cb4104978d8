use std::fmt::Write as _;

use super::*;

const TABLE: &str = include_str!("../../../api_errors.json");
const GENERATED: &str = include_str!("../error_codes.rs");

/// The placeholders of `text`, in order.
fn placeholders(text: &str) -> Vec<&str> {
    text.split('{').skip(1).filter_map(|part| part.split('}').next()).collect()
}

/// What `api/error_codes.rs` has to hold.
fn generate() -> String {
    let rows: Vec<serde_json::Value> = serde_json::from_str(TABLE).unwrap();
    let mut methods = String::new();
    let mut table = String::new();
    for row in &rows {
        let (name, text) = (row["name"].as_str().unwrap(), row["text"].as_str().unwrap());
        let (err_code, code) = (&row["err_code"], &row["code"]);
        let found = placeholders(text);
        writeln!(methods, "    /// {err_code}: `{text}`").unwrap();
        if found.is_empty() {
            let constant = name.to_uppercase();
            writeln!(
                methods,
                "    pub const {constant}: ApiError = ApiError::fixed({code}, {err_code}, {text:?});"
            )
            .unwrap();
        } else {
            let arguments: Vec<String> =
                found.iter().map(|name| format!("{name}: impl Display")).collect();
            let arguments = arguments.join(", ");
            writeln!(
                methods,
                "    pub fn {name}({arguments}) -> ApiError {{\n        \
                 ApiError::filled({code}, {err_code}, format!({text:?}))\n    }}"
            )
            .unwrap();
        }
        writeln!(
            table,
            "    ErrorRow {{ err_code: {err_code}, code: {code}, name: {name:?}, text: {text:?} }},"
        )
        .unwrap();
    }
    format!(
        "//! Generated from `api_errors.json`; `TRADEWIND_GENERATE=1 cargo test -p tradewind-jetstream \
         error_codes` writes it anew.\n\nuse std::fmt::Display;\n\nuse super::error::{{ApiError, ErrorRow}};\n\n\
         impl ApiError {{\n{methods}}}\n\n/// Every error there is, by `err_code`.\n\
         pub static ERROR_ROWS: &[ErrorRow] = &[\n{table}];\n"
    )
}

#[test]
fn error_codes_are_generated_from_the_table() {
    let expected = generate();
    if std::env::var_os("TRADEWIND_GENERATE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/error_codes.rs");
        std::fs::write(path, &expected).unwrap();
        return;
    }
    assert!(expected == GENERATED, "error_codes.rs is stale: see its head");
}

#[test]
fn error_codes_are_contiguous_and_named_once() {
    assert_eq!(ERROR_ROWS.len(), 226);
    for (row, err_code) in ERROR_ROWS.iter().zip(10_002..) {
        assert_eq!(row.err_code, err_code);
        assert!([400, 404, 409, 412, 429, 500, 503].contains(&row.code), "{row:?}");
    }
    let names: std::collections::BTreeSet<_> = ERROR_ROWS.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), ERROR_ROWS.len());
}

#[test]
fn an_error_is_written_as_nats_server_writes_it() {
    for (error, json) in [
        (
            ApiError::NO_MESSAGE_FOUND,
            r#"{"code":404,"err_code":10037,"description":"no message found"}"#,
        ),
        (
            ApiError::wrong_last_sequence(2),
            r#"{"code":400,"err_code":10071,"description":"wrong last sequence: 2"}"#,
        ),
        (
            ApiError::MIRROR_MAX_MESSAGE_SIZE_TOO_BIG,
            r#"{"code":400,"err_code":10030,"description":"stream mirror must have max message size \u003e= source"}"#,
        ),
    ] {
        assert_eq!(String::from_utf8(crate::api::json::to_json(&error)).unwrap(), json);
    }
}
