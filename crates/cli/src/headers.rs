//! Message headers as users type them.

use std::str::FromStr;

use anyhow::Result;
use async_nats::{HeaderMap, HeaderName, HeaderValue};

use crate::problem::Problem;
use crate::template::Template;

/// Headers of messages that are still to be made.
#[derive(Debug)]
pub(crate) struct Headers {
    templates: Vec<(HeaderName, Template)>,
}

impl Headers {
    /// Reads `K:V` texts, whose values are templates if `templates` says so.
    ///
    /// # Errors
    ///
    /// A text that is no header.
    pub(crate) fn parse(texts: &[String], templates: bool) -> Result<Headers> {
        let header = |text: &String| {
            let problem =
                || Problem::usage(format!("header {text:?} is not of the form 'Name: value'"));
            let pair = text.split_once(':').filter(|(name, _)| !name.trim().is_empty());
            let (name, value) = pair.ok_or_else(problem)?;
            let name = HeaderName::from_str(name.trim()).map_err(|_| problem())?;
            let value = value.trim();
            let value = if templates { Template::parse(value)? } else { Template::literal(value) };
            Ok((name, value))
        };
        Ok(Headers { templates: texts.iter().map(header).collect::<Result<_>>()? })
    }

    /// The headers of the `count`th message.
    ///
    /// # Errors
    ///
    /// A value that can't be sent.
    pub(crate) fn render(&self, count: u64) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.templates {
            let value = HeaderValue::from_str(&value.render_text(count))
                .map_err(|error| Problem::usage(format!("header {name}: {error}")))?;
            headers.append(name.clone(), value);
        }
        Ok(headers)
    }
}

/// The headers as pairs, in the order of their names.
pub(crate) fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = headers
        .iter()
        .flat_map(|(name, values)| values.iter().map(|value| (name.to_string(), value.to_string())))
        .collect();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_split_at_the_first_colon() {
        let texts = ["A: b:c", "A:d", "N:{{Count}}"].map(str::to_owned);
        let headers = Headers::parse(&texts, true).unwrap().render(7).unwrap();
        let expected = [("A", "b:c"), ("A", "d"), ("N", "7")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs(&headers), expected);
    }

    #[test]
    fn a_header_without_a_name_is_a_usage_error() {
        for text in ["novalue", ":x", " : x"] {
            assert!(Headers::parse(&[text.to_owned()], true).is_err(), "{text}");
        }
    }
}
