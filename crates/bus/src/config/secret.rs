use std::fmt;
use std::path::Path;

/// A text that is never shown: neither by `Debug` nor in an error.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What `self` stands for: the trimmed content of the file it names if it is a path of one,
    /// else `self`.
    ///
    /// # Errors
    ///
    /// If it is the path of a file that can't be read.
    pub fn resolve(&self) -> std::io::Result<Secret> {
        let looks_like_path = self.0.contains('/') && !self.0.contains(char::is_whitespace);
        if looks_like_path || Path::new(&self.0).is_file() {
            return std::fs::read_to_string(&self.0).map(|text| Secret(text.trim().to_owned()));
        }
        Ok(self.clone())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Secret {
        Secret(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"…\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "\"…\"");
    }

    #[test]
    fn a_path_stands_for_the_content_of_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seed");
        std::fs::write(&path, "SUAM\n").unwrap();

        let named = Secret::from(path.to_str().unwrap());

        assert_eq!(named.resolve().unwrap().reveal(), "SUAM");
        assert_eq!(Secret::from("SUAM").resolve().unwrap().reveal(), "SUAM");
        assert!(Secret::from("/no/such/file").resolve().is_err());
    }
}
