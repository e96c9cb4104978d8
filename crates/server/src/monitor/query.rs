//! Query arguments, with Go's reading of numbers and booleans and its complaints.

use axum::http::Uri;

/// Why a request can't be answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadQuery(pub(super) String);

/// The arguments of a request.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(uri: &Uri) -> Query {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
        Query(pairs.map(|pairs| pairs.0).unwrap_or_default())
    }

    /// The first value of `name`; absent is empty, as in Go.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// # Errors
    ///
    /// It is none of Go's words for yes and no.
    pub(super) fn boolean(&self, name: &str) -> Result<bool, BadQuery> {
        match self.text(name) {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
            "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
            text => Err(BadQuery(format!(
                "Error decoding boolean for '{name}': strconv.ParseBool: parsing {text:?}: invalid syntax"
            ))),
        }
    }

    /// A number that is not negative; 0 if it is absent or negative.
    ///
    /// # Errors
    ///
    /// It is no number.
    pub(super) fn count(&self, name: &str) -> Result<usize, BadQuery> {
        let number = self.number::<i64>(name, "int", "Atoi")?;
        Ok(usize::try_from(number).unwrap_or(0))
    }

    /// # Errors
    ///
    /// It is no number, or a negative one.
    pub(super) fn id(&self, name: &str) -> Result<u64, BadQuery> {
        self.number(name, "uint64", "ParseUint")
    }

    fn number<T: std::str::FromStr + Default>(
        &self,
        name: &str,
        kind: &str,
        parser: &str,
    ) -> Result<T, BadQuery> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(T::default());
        }
        text.parse().map_err(|_| {
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            let signed_badly = kind == "uint64" && digits.len() != text.len();
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let reason =
                if is_number && !signed_badly { "value out of range" } else { "invalid syntax" };
            BadQuery(format!(
                "Error decoding {kind} for '{name}': strconv.{parser}: parsing {text:?}: {reason}"
            ))
        })
    }
}

/// A part of a list: how much to skip and how much to show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub(super) offset: usize,
    pub(super) limit: usize,
}

impl Page {
    /// Entries shown if the request does not say.
    const LIMIT: usize = 1024;

    /// # Errors
    ///
    /// `offset` or `limit` is no number.
    pub(super) fn of(query: &Query) -> Result<Page, BadQuery> {
        let offset = query.count("offset")?;
        let limit = match query.count("limit")? {
            0 => Page::LIMIT,
            limit => limit,
        };
        Ok(Page { offset, limit })
    }

    /// The part of `items`.
    pub(super) fn cut<T>(self, items: Vec<T>) -> Vec<T> {
        items.into_iter().skip(self.offset).take(self.limit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &'static str) -> Query {
        Query::of(&Uri::from_static(text))
    }

    #[test]
    fn bad_values_are_named_in_go_s_words() {
        let bad = query("/connz?limit=abc&subs=x&cid=-1&offset=99999999999999999999");
        let cases = [
            (
                bad.count("limit").err(),
                "Error decoding int for 'limit': strconv.Atoi: parsing \"abc\": invalid syntax",
            ),
            (
                bad.boolean("subs").err(),
                "Error decoding boolean for 'subs': strconv.ParseBool: parsing \"x\": invalid syntax",
            ),
            (
                bad.id("cid").err(),
                "Error decoding uint64 for 'cid': strconv.ParseUint: parsing \"-1\": invalid syntax",
            ),
            (
                bad.count("offset").err(),
                "Error decoding int for 'offset': strconv.Atoi: parsing \"99999999999999999999\": value out of range",
            ),
        ];
        for (found, text) in cases {
            assert_eq!(found, Some(BadQuery(text.to_owned())));
        }
    }

    #[test]
    fn what_is_absent_empty_or_negative_has_the_default() {
        for text in ["/connz", "/connz?limit=&offset=", "/connz?limit=-1&offset=-1"] {
            let page = Page::of(&query(text)).unwrap();
            assert_eq!((page.offset, page.limit), (0, 1024), "{text}");
        }
        assert_eq!(query("/x?a=%24G&b=1+2").text("a"), "$G");
    }
}
