use serde_json::{Map, Value};

/// What a client says of itself in `CONNECT`.
///
/// Fields it leaves out have the defaults of a telnet user: verbose, pedantic, echo.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect {
    /// Every operation is answered with `+OK`.
    pub verbose: bool,
    /// Publish subjects are checked.
    pub pedantic: bool,
    /// Own messages come back.
    pub echo: bool,
    /// The client reads `HMSG` and may send `HPUB`.
    pub headers: bool,
    /// Requests that nobody gets are answered with 503.
    pub no_responders: bool,
    /// The client wants TLS.
    pub tls_required: bool,
    /// Level of the client protocol: 0 or 1.
    pub protocol: i64,
    /// Name of the connection.
    pub name: String,
    /// Language of the client library.
    pub lang: String,
    /// Version of the client library.
    pub version: String,
    /// User name.
    pub user: String,
    /// Password.
    pub pass: String,
    /// Token.
    pub auth_token: String,
    /// Public nkey.
    pub nkey: String,
    /// User JWT.
    pub jwt: String,
    /// Signature of the nonce.
    pub sig: String,
    /// Whether an account was asked for, which nobody may.
    pub names_account: bool,
}

impl Default for Connect {
    fn default() -> Connect {
        Connect {
            verbose: true,
            pedantic: true,
            echo: true,
            headers: false,
            no_responders: false,
            tls_required: false,
            protocol: 0,
            name: String::new(),
            lang: String::new(),
            version: String::new(),
            user: String::new(),
            pass: String::new(),
            auth_token: String::new(),
            nkey: String::new(),
            jwt: String::new(),
            sig: String::new(),
            names_account: false,
        }
    }
}

// Credentials never reach a log by way of `{:?}`.
impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect")
            .field("name", &self.name)
            .field("lang", &self.lang)
            .field("version", &self.version)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// Why the argument of `CONNECT` is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Not a JSON object.
    #[error("not a JSON object")]
    NotJson,
    /// A known field of the wrong type.
    #[error("field {0:?} has the wrong type")]
    WrongType(&'static str),
}

impl Connect {
    /// Reads the argument. Keys match whatever their case, unknown ones are ignored, null is absent.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]; nats-server closes without a line.
    pub fn parse(json: &[u8]) -> Result<Connect, ConnectError> {
        let fields: Map<String, Value> =
            serde_json::from_slice(json).map_err(|_| ConnectError::NotJson)?;
        let mut connect = Connect::default();
        for (key, value) in fields {
            if !value.is_null() {
                connect.set(&key.to_ascii_lowercase(), value)?;
            }
        }
        Ok(connect)
    }

    fn set(&mut self, key: &str, value: Value) -> Result<(), ConnectError> {
        match key {
            "verbose" => flag(&mut self.verbose, &value, "verbose"),
            "pedantic" => flag(&mut self.pedantic, &value, "pedantic"),
            "echo" => flag(&mut self.echo, &value, "echo"),
            "headers" => flag(&mut self.headers, &value, "headers"),
            "no_responders" => flag(&mut self.no_responders, &value, "no_responders"),
            "tls_required" => flag(&mut self.tls_required, &value, "tls_required"),
            "protocol" => {
                self.protocol = value.as_i64().ok_or(ConnectError::WrongType("protocol"))?;
                Ok(())
            }
            "name" => text(&mut self.name, value, "name"),
            "lang" => text(&mut self.lang, value, "lang"),
            "version" => text(&mut self.version, value, "version"),
            "user" => text(&mut self.user, value, "user"),
            "pass" => text(&mut self.pass, value, "pass"),
            "auth_token" => text(&mut self.auth_token, value, "auth_token"),
            "nkey" => text(&mut self.nkey, value, "nkey"),
            "jwt" => text(&mut self.jwt, value, "jwt"),
            "sig" => text(&mut self.sig, value, "sig"),
            "account" => {
                let mut account = String::new();
                text(&mut account, value, "account")?;
                self.names_account |= !account.is_empty();
                Ok(())
            }
            "new_account" => flag(&mut self.names_account, &value, "new_account"),
            _ => Ok(()),
        }
    }
}

fn flag(field: &mut bool, value: &Value, name: &'static str) -> Result<(), ConnectError> {
    *field = value.as_bool().ok_or(ConnectError::WrongType(name))?;
    Ok(())
}

fn text(field: &mut String, value: Value, name: &'static str) -> Result<(), ConnectError> {
    let Value::String(value) = value else { return Err(ConnectError::WrongType(name)) };
    *field = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_fields_have_the_defaults_of_a_telnet_user() {
        let connect = Connect::parse(b"{}").unwrap();
        assert!(connect.verbose && connect.pedantic && connect.echo);
        assert!(!connect.headers && !connect.no_responders);
    }

    #[test]
    fn keys_match_in_any_case_and_unknown_ones_are_ignored() {
        let connect =
            Connect::parse(br#"{"VERBOSE":false,"x":{"y":1},"user":null,"Name":"n"}"#).unwrap();
        assert!(!connect.verbose);
        assert_eq!(connect.name, "n");
    }

    #[test]
    fn a_wrong_type_names_the_field() {
        assert_eq!(Connect::parse(br#"{"verbose":1}"#), Err(ConnectError::WrongType("verbose")));
        assert_eq!(Connect::parse(b""), Err(ConnectError::NotJson));
        assert_eq!(Connect::parse(b"[]"), Err(ConnectError::NotJson));
    }

    #[test]
    fn secrets_are_not_printed() {
        let connect = Connect { pass: "s3cret".into(), ..Connect::default() };
        assert!(!format!("{connect:?}").contains("s3cret"));
    }
}
