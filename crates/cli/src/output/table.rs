use comfy_table::{
    CellAlignment, Column, ColumnConstraint, ContentLineStyle, LineStyle, TableStyle, Width,
};

/// The look of nats's tables.
const STYLE: TableStyle = TableStyle::new()
    .top_border(LineStyle::new('├', '─', '┬', '┤'))
    .header_lines(ContentLineStyle::new('│', '│', '│'))
    .header_separator(LineStyle::new('├', '─', '┼', '┤'))
    .content_lines(ContentLineStyle::new('│', '│', '│'))
    .bottom_border(LineStyle::new('╰', '─', '┴', '╯'));

/// A table with a title.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    inner: comfy_table::Table,
}

impl Table {
    /// An empty table with these headings.
    pub(crate) fn new(title: impl Into<String>, headings: &[&str]) -> Table {
        let mut inner = comfy_table::Table::new();
        inner.load_style(STYLE).force_no_tty().set_header(headings.iter().copied());
        inner.column_iter_mut().for_each(|column: &mut Column| {
            column.set_cell_alignment(CellAlignment::Left);
        });
        Table { title: title.into(), inner }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.inner.add_row(cells);
    }

    /// The table as text, without a line break at its end.
    pub(super) fn render(&self) -> String {
        let mut inner = self.inner.clone();
        let title_width = self.title.chars().count() + 4;
        let width = |inner: &comfy_table::Table| {
            inner.lines().next().map(|line| line.chars().count()).unwrap_or_default()
        };
        let missing = title_width.saturating_sub(width(&inner));
        if missing != 0 {
            let last = inner.column_max_content_widths().last().copied().unwrap_or_default();
            let wanted =
                last.saturating_add(u16::try_from(missing).unwrap_or(u16::MAX)).saturating_add(2);
            if let Some(column) = inner.column_iter_mut().last() {
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(wanted)));
            }
        }
        let inside = width(&inner).saturating_sub(2);
        let top = "─".repeat(inside);
        format!("╭{top}╮\n│{:^inside$}│\n{inner}", self.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_stands_above_the_columns() {
        let mut table = Table::new("Streams", &["Name", "Messages"]);
        table.row(vec!["ORDERS".to_owned(), "1,000".to_owned()]);
        let expected = "\
╭───────────────────╮
│      Streams      │
├────────┬──────────┤
│ Name   │ Messages │
├────────┼──────────┤
│ ORDERS │ 1,000    │
╰────────┴──────────╯";
        assert_eq!(table.render(), expected);
    }

    #[test]
    fn a_long_title_widens_the_last_column() {
        let mut table = Table::new("Contents for bucket 'B'", &["Key"]);
        table.row(vec!["a".to_owned()]);
        let widths: Vec<usize> = table.render().lines().map(|line| line.chars().count()).collect();
        assert_eq!(widths, vec![27; 7]);
    }
}
