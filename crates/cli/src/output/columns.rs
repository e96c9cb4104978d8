/// An information block: sections of labels and values, aligned at the colon.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    heading: String,
    lines: Vec<Line>,
}

#[derive(Debug)]
enum Line {
    Section(String),
    Row { label: String, value: String },
}

impl Columns {
    /// A block under `heading`.
    pub(crate) fn new(heading: impl Into<String>) -> Columns {
        Columns { heading: heading.into(), lines: Vec::new() }
    }

    /// Begins a section.
    pub(crate) fn section(&mut self, title: &str) {
        self.lines.push(Line::Section(title.to_owned()));
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, label: &str, value: impl Into<String>) {
        self.lines.push(Line::Row { label: label.to_owned(), value: value.into() });
    }

    /// Adds a row unless `value` is empty.
    pub(crate) fn row_if(&mut self, label: &str, value: &str) {
        if !value.is_empty() {
            self.row(label, value);
        }
    }

    /// The block as text, with `colon` after each label.
    pub(super) fn render(&self, colon: &str) -> String {
        let width = |line: &Line| match line {
            Line::Row { label, .. } => label.chars().count(),
            Line::Section(_) => 0,
        };
        let widest = self.lines.iter().map(width).max().unwrap_or_default() + 2;
        let line = |(idx, line): (usize, &Line)| match line {
            Line::Section(title) => {
                let gap = if idx == 0 { "" } else { "\n" };
                format!("{gap}{title}{colon}\n\n")
            }
            // A row without a label goes on with the value above it.
            Line::Row { label, value } if label.is_empty() => format!("{:widest$}  {value}\n", ""),
            Line::Row { label, value } => format!("{label:>widest$}{colon} {value}\n"),
        };
        let lines: Vec<String> = self.lines.iter().enumerate().map(line).collect();
        format!("{}\n\n{}", self.heading, lines.concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_one_column() {
        let mut columns = Columns::new("Information for X");
        columns.row("Subjects", "a.*");
        columns.row_if("Nothing", "");
        columns.section("State");
        columns.row("Messages", "1");
        columns.row("", "2");
        columns.row("First Sequence", "0");

        let expected = "\
Information for X

        Subjects: a.*

State:

        Messages: 1
                  2
  First Sequence: 0
";
        assert_eq!(columns.render(":"), expected);
    }
}
