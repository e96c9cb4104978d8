//! Addresses of servers, made whole.

use async_nats::ServerAddr;

use super::ConfigError;
use crate::config::Config;

const PORT: u16 = 4222;

impl Config {
    /// The addresses of `server_urls`, each with a scheme, a host and a port: `nats` stands for
    /// `nats://nats:4222`, and `tls://` stays. An item may be a list with commas.
    ///
    /// # Errors
    ///
    /// If there is none, or one is not the address of a server over `nats://` or `tls://`.
    pub fn server_addrs(&self) -> Result<Vec<ServerAddr>, ConfigError> {
        let items = self.server_urls.iter().flat_map(|item| item.split(','));
        let addresses: Vec<ServerAddr> = items
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(address)
            .collect::<Result<_, _>>()?;
        if addresses.is_empty() {
            let problem = "is empty; give at least one, for example `nats://localhost:4222`";
            return Err(ConfigError::Setting {
                setting: "server_urls",
                problem: problem.to_owned(),
            });
        }
        Ok(addresses)
    }
}

fn address(text: &str) -> Result<ServerAddr, ConfigError> {
    let refuse =
        |problem: &str| ConfigError::Url { url: redact(text), problem: problem.to_owned() };
    let (scheme, rest) = text.split_once("://").unwrap_or(("nats", text));
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "nats" | "tls") {
        return Err(refuse("it starts with `nats://` or `tls://`, or with the host"));
    }
    let malformed = || refuse("write `nats://host:port` or `tls://host:port`");
    let parsed: ServerAddr = format!("{scheme}://{rest}").parse().map_err(|_| malformed())?;
    let mut url = parsed.into_inner();
    if url.host_str().is_none_or(str::is_empty) || !matches!(url.path(), "" | "/") {
        return Err(malformed());
    }
    if url.port().is_none() {
        url.set_port(Some(PORT)).map_err(|()| malformed())?;
    }
    ServerAddr::from_url(url).map_err(|_| malformed())
}

/// `url` without what may be a secret: all between the scheme and the last `@`.
pub(super) fn redact(url: &str) -> String {
    let Some((before, after)) = url.rsplit_once('@') else { return url.to_owned() };
    let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
    let between = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{between}…@{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(urls: &[&str]) -> Result<Vec<String>, String> {
        let addresses = Config::new(urls.iter().copied()).server_addrs();
        let show = |all: Vec<ServerAddr>| {
            all.iter().map(|address| address.as_url_str().to_owned()).collect()
        };
        addresses.map(show).map_err(|error| error.to_string())
    }

    /// Rows: S3-46, S3-47.
    #[test]
    fn addresses_get_a_scheme_and_a_port() {
        let urls = ["nats://nats:4222", "localhost", "nats:4223", "tls://nats", "TLS://a:1"];
        let whole = [
            "nats://nats:4222",
            "nats://localhost:4222",
            "nats://nats:4223",
            "tls://nats:4222",
            "tls://a:1",
        ];
        assert_eq!(shown(&urls), Ok(whole.map(str::to_owned).to_vec()));
        let list = shown(&["nats://nats1:4222,nats://nats2:4222, [::1]:5 ,"]);
        let whole = ["nats://nats1:4222", "nats://nats2:4222", "nats://[::1]:5"];
        assert_eq!(list, Ok(whole.map(str::to_owned).to_vec()));
    }

    #[test]
    fn what_is_no_address_is_named_without_its_password() {
        for (url, message) in [
            (
                "http://nats:4222",
                "`http://nats:4222` is no address of a server: it starts with `nats://` or \
                 `tls://`, or with the host",
            ),
            (
                "nats://me:hunter2@nats:port",
                "`nats://…@nats:port` is no address of a server: write `nats://host:port` or \
                 `tls://host:port`",
            ),
            (
                "nats://",
                "`nats://` is no address of a server: write `nats://host:port` or `tls://host:port`",
            ),
        ] {
            assert_eq!(shown(&[url]), Err(message.to_owned()));
        }
        for url in ["a b", "nats://a/b", "nats://a:99999", ":4222", "me:hunter2@"] {
            let message = shown(&[url]).unwrap_err();
            assert!(!message.contains("hunter2"), "{message}");
        }
        assert!(shown(&[]).unwrap_err().starts_with("server_urls is empty"));
        assert!(shown(&[" , "]).is_err());
    }
}
