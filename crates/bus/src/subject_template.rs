//! Subjects by a template: fixed tokens and named ones.

use std::fmt;
use std::str::FromStr;

/// A subject with named tokens, such as `coze.workflow.{workflow_id}.{event_type}`.
///
/// A field is a whole token: what fills it can neither add tokens nor wildcards.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SubjectTemplate {
    text: String,
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Token {
    Fixed(String),
    Field(String),
}

/// Why a template, or a value for one, is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The template itself is wrong.
    #[error("subject template {template:?}: token {token:?} {problem}")]
    Token {
        /// The template.
        template: String,
        /// Its wrong token.
        token: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A value can't be a token.
    #[error("subject template {template:?}: value {value:?} of field {field:?} {problem}")]
    Value {
        /// The template.
        template: String,
        /// The field that the value is for.
        field: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A field has no value.
    #[error("subject template {template:?}: field {field:?} has no value")]
    Missing {
        /// The template.
        template: String,
        /// The field.
        field: String,
    },
    /// A value is for a field that the template doesn't have.
    #[error("subject template {template:?} has no field {field:?}")]
    Unknown {
        /// The template.
        template: String,
        /// The field.
        field: String,
    },
    /// A field has two values.
    #[error("subject template {template:?}: field {field:?} is given twice")]
    Twice {
        /// The template.
        template: String,
        /// The field.
        field: String,
    },
}

impl SubjectTemplate {
    /// Reads a template: tokens with dots between, `{name}` for a field.
    ///
    /// # Errors
    ///
    /// [`TemplateError::Token`] if a token is empty or has a blank, a wildcard, or braces other
    /// than around a whole field; [`TemplateError::Twice`] if two fields have one name.
    pub fn parse(template: &str) -> Result<SubjectTemplate, TemplateError> {
        let mut tokens: Vec<Token> = Vec::new();
        for text in template.split('.') {
            let token = Token::parse(text).map_err(|problem| TemplateError::Token {
                template: template.to_owned(),
                token: text.to_owned(),
                problem,
            })?;
            if let Token::Field(name) = &token
                && tokens.contains(&token)
            {
                return Err(TemplateError::Twice {
                    template: template.to_owned(),
                    field: name.clone(),
                });
            }
            tokens.push(token);
        }
        Ok(SubjectTemplate { text: template.to_owned(), tokens })
    }

    /// The template as it was read.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Names of the fields, from left to right.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().filter_map(|token| match token {
            Token::Field(name) => Some(name.as_str()),
            Token::Fixed(_) => None,
        })
    }

    /// The subject with these values, in any order.
    ///
    /// # Errors
    ///
    /// If a value is empty or has a dot, a blank or a wildcard, a field has no value or two, or
    /// there is no such field.
    pub fn subject(&self, values: &[(&str, &str)]) -> Result<String, TemplateError> {
        self.check_names(values)?;
        let mut subject = String::with_capacity(self.text.len() + 32);
        for token in &self.tokens {
            if !subject.is_empty() {
                subject.push('.');
            }
            subject.push_str(match token {
                Token::Fixed(text) => text,
                Token::Field(field) => self.value(field, values)?,
            });
        }
        Ok(subject)
    }

    /// The subjects of this template as a filter: `*` for every field.
    pub fn filter(&self) -> String {
        let tokens: Vec<&str> = self
            .tokens
            .iter()
            .map(|token| match token {
                Token::Fixed(text) => text,
                Token::Field(_) => "*",
            })
            .collect();
        tokens.join(".")
    }

    /// The reverse of [`SubjectTemplate::subject`]: each field with its value, from left to right.
    /// None if `subject` is not one of this template.
    pub fn fields_of<'a>(&'a self, subject: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        let mut texts = subject.split('.');
        let mut values = Vec::new();
        for token in &self.tokens {
            let text = texts.next()?;
            match token {
                Token::Fixed(fixed) if fixed == text => {}
                Token::Fixed(_) => return None,
                Token::Field(field) => {
                    check_token(text).ok()?;
                    values.push((field.as_str(), text));
                }
            }
        }
        texts.next().is_none().then_some(values)
    }

    fn check_names(&self, values: &[(&str, &str)]) -> Result<(), TemplateError> {
        for (index, (field, _)) in values.iter().enumerate() {
            let (template, field) = (self.text.clone(), (*field).to_owned());
            if !self.fields().any(|name| name == field) {
                return Err(TemplateError::Unknown { template, field });
            }
            if values[..index].iter().any(|(earlier, _)| *earlier == field) {
                return Err(TemplateError::Twice { template, field });
            }
        }
        Ok(())
    }

    fn value<'a>(&self, field: &str, values: &[(&str, &'a str)]) -> Result<&'a str, TemplateError> {
        let Some((_, value)) = values.iter().find(|(name, _)| *name == field) else {
            return Err(TemplateError::Missing {
                template: self.text.clone(),
                field: field.to_owned(),
            });
        };
        check_token(value).map_err(|problem| TemplateError::Value {
            template: self.text.clone(),
            field: field.to_owned(),
            value: (*value).to_owned(),
            problem,
        })?;
        Ok(value)
    }
}

impl Token {
    fn parse(text: &str) -> Result<Token, &'static str> {
        let name = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let inner = name.unwrap_or(text);
        if name == Some("") {
            return Err("names no field");
        }
        if inner.contains(['{', '}']) {
            return Err("is neither a field nor without braces");
        }
        check_token(inner)?;
        Ok(match name {
            Some(name) => Token::Field(name.to_owned()),
            None => Token::Fixed(text.to_owned()),
        })
    }
}

/// Whether `text` can be one token of a subject that is published to.
fn check_token(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("is empty");
    }
    if text.contains('.') {
        return Err("has a dot");
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("has a blank or control character");
    }
    if text.contains(['*', '>']) {
        return Err("has a wildcard");
    }
    Ok(())
}

impl FromStr for SubjectTemplate {
    type Err = TemplateError;

    fn from_str(template: &str) -> Result<SubjectTemplate, TemplateError> {
        SubjectTemplate::parse(template)
    }
}

impl fmt::Display for SubjectTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn template(text: &str) -> SubjectTemplate {
        SubjectTemplate::parse(text).unwrap()
    }

    /// Rows: S3-119, S3-120, S3-121.
    #[test]
    fn s3_119_to_121_the_templates_make_subjects_filters_and_fields() {
        for (text, values, subject, filter) in [
            (
                "coze.workflow.{workflow_id}.{event_type}",
                [("event_type", "done"), ("workflow_id", "w1")],
                "coze.workflow.w1.done",
                "coze.workflow.*.*",
            ),
            (
                "coze.agent.{agent_id}.{action}",
                [("agent_id", "a-7"), ("action", "start")],
                "coze.agent.a-7.start",
                "coze.agent.*.*",
            ),
            (
                "coze.knowledge.{kb_id}.{operation}",
                [("kb_id", "kb_2"), ("operation", "索引")],
                "coze.knowledge.kb_2.索引",
                "coze.knowledge.*.*",
            ),
        ] {
            let template = template(text);

            assert_eq!(template.subject(&values).unwrap(), subject);
            assert_eq!(template.filter(), filter);
            let mut fields = template.fields_of(subject).unwrap();
            fields.sort_unstable();
            let mut expected = values;
            expected.sort_unstable();
            assert_eq!(fields, expected);
            assert_eq!(template.to_string(), text);
        }
    }

    /// Rows: S3-119, S3-120, S3-121.
    #[test]
    fn s3_119_values_that_are_no_token_are_refused_by_name() {
        let template = template("coze.agent.{agent_id}.{action}");
        for (value, problem) in [
            ("", "is empty"),
            ("a.b", "has a dot"),
            (".", "has a dot"),
            ("a b", "has a blank or control character"),
            ("a\r\nPUB", "has a blank or control character"),
            ("\u{3000}", "has a blank or control character"),
            ("\0", "has a blank or control character"),
            ("*", "has a wildcard"),
            ("a*", "has a wildcard"),
            (">", "has a wildcard"),
        ] {
            let error = template.subject(&[("agent_id", value), ("action", "go")]).unwrap_err();

            let expected = format!(
                "subject template \"coze.agent.{{agent_id}}.{{action}}\": \
                 value {value:?} of field \"agent_id\" {problem}"
            );
            assert_eq!(error.to_string(), expected);
        }
    }

    /// Rows: S3-119, S3-120, S3-121.
    #[test]
    fn s3_120_missing_unknown_and_repeated_fields_are_named() {
        let template = template("a.{b}.{c}");
        let error = |values: &[(&str, &str)]| template.subject(values).unwrap_err().to_string();

        assert_eq!(
            error(&[("b", "1")]),
            "subject template \"a.{b}.{c}\": field \"c\" has no value"
        );
        assert_eq!(
            error(&[("b", "1"), ("c", "2"), ("d", "3")]),
            "subject template \"a.{b}.{c}\" has no field \"d\""
        );
        assert_eq!(
            error(&[("b", "1"), ("c", "2"), ("b", "3")]),
            "subject template \"a.{b}.{c}\": field \"b\" is given twice"
        );
    }

    #[test]
    fn a_wrong_template_is_refused() {
        for (text, token, problem) in [
            ("", "", "is empty"),
            ("a..b", "", "is empty"),
            ("a.b.", "", "is empty"),
            ("a.{}", "{}", "names no field"),
            ("a.{b", "{b", "is neither a field nor without braces"),
            ("a.b}", "b}", "is neither a field nor without braces"),
            ("a.x{b}", "x{b}", "is neither a field nor without braces"),
            ("a.{b}{c}", "{b}{c}", "is neither a field nor without braces"),
            ("a b.c", "a b", "has a blank or control character"),
            ("a.{b c}", "{b c}", "has a blank or control character"),
            ("a.*", "*", "has a wildcard"),
            ("a.>", ">", "has a wildcard"),
        ] {
            let expected = TemplateError::Token {
                template: text.to_owned(),
                token: token.to_owned(),
                problem,
            };
            assert_eq!(SubjectTemplate::parse(text), Err(expected), "{text}");
        }
        assert!(matches!("a.{b}.{b}".parse::<SubjectTemplate>(), Err(TemplateError::Twice { .. })));
    }

    #[test]
    fn a_subject_of_another_template_has_no_fields() {
        let template = template("a.{b}.c");

        for subject in ["", "a", "a.b", "a.b.d", "x.b.c", "a.b.c.d", "a..c", "a.*.c", "a.b.>"] {
            assert_eq!(template.fields_of(subject), None, "{subject}");
        }
        assert_eq!(template.fields_of("a.b.c"), Some(vec![("b", "b")]));
        assert_eq!(template.fields().collect::<Vec<_>>(), ["b"]);
        assert_eq!(SubjectTemplate::parse("a.b").unwrap().fields_of("a.b"), Some(vec![]));
    }

    proptest! {
        /// Rows: S3-119, S3-120, S3-121.
        #[test]
        fn s3_121_a_subject_gives_back_what_it_was_made_of(first in ".{0,6}", second in ".{0,6}") {
            let template = template("coze.knowledge.{kb_id}.{operation}");
            let values = [("kb_id", first.as_str()), ("operation", second.as_str())];

            if let Ok(subject) = template.subject(&values) {
                prop_assert_eq!(subject.split('.').count(), 4);
                prop_assert_eq!(template.fields_of(&subject), Some(values.to_vec()));
            } else {
                prop_assert!(check_token(&first).is_err() || check_token(&second).is_err());
            }
        }

        #[test]
        fn any_text_is_a_template_or_refused(text in "[a{}.*> ]{0,12}") {
            if let Ok(template) = SubjectTemplate::parse(&text) {
                prop_assert_eq!(template.filter().split('.').count(), text.split('.').count());
            }
        }
    }
}
