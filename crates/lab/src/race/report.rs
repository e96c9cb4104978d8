//! The results of a race as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::meter::{Measurement, Metric};
use super::rows::Row;
use crate::num::median;
use crate::peer::Side;

/// What one row did over all rounds.
#[derive(Debug)]
pub(crate) struct RowResult {
    pub(crate) row: &'static Row,
    pub(crate) ours: Vec<Measurement>,
    pub(crate) theirs: Vec<Measurement>,
    /// Why a side gave no figure, once per failed round.
    pub(crate) failures: Vec<(Side, String)>,
}

/// One printed line: a metric of a row.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) lower_is_better: bool,
    pub(crate) ours: Option<f64>,
    pub(crate) theirs: Option<f64>,
    /// Median of the ratios ours ÷ theirs of the rounds.
    pub(crate) ratio: Option<f64>,
    /// The bar for the ratio and whether it is met.
    pub(crate) bar: Option<(f64, bool)>,
    pub(crate) ours_cpu: Option<f64>,
    pub(crate) theirs_cpu: Option<f64>,
    pub(crate) ours_rss_mib: Option<f64>,
    pub(crate) theirs_rss_mib: Option<f64>,
    pub(crate) rounds: BTreeMap<&'static str, Vec<f64>>,
}

impl RowResult {
    pub(crate) fn new(row: &'static Row) -> RowResult {
        RowResult { row, ours: Vec::new(), theirs: Vec::new(), failures: Vec::new() }
    }

    /// One line per metric, the main one first.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let sample = self.ours.first().or_else(|| self.theirs.first());
        let metrics = sample.map_or_else(
            || vec![Metric::Rate],
            |measured| measured.figures.iter().map(|(metric, _)| *metric).collect(),
        );
        metrics.iter().enumerate().map(|(n, &metric)| self.line(metric, n == 0)).collect()
    }

    fn line(&self, metric: Metric, is_main: bool) -> Line {
        let ours = figures(&self.ours, metric);
        let theirs = figures(&self.theirs, metric);
        let ratios: Vec<f64> =
            ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
        let ratio = if self.failures.is_empty() { median(&ratios) } else { None };
        let bar = self.row.bar.filter(|bar| bar.metric == metric);
        let side = |measured: &[Measurement], pick: fn(&Measurement) -> Option<f64>| {
            let values: Vec<f64> = measured.iter().filter_map(pick).collect();
            if is_main { median(&values) } else { None }
        };
        Line {
            key: self.row.key,
            title: self.row.title,
            unit: metric.unit(),
            lower_is_better: metric.lower_is_better(),
            ours: median(&ours),
            theirs: median(&theirs),
            ratio,
            bar: bar.map(|bar| (bar.ratio, ratio.is_some_and(|ratio| bar.is_met(ratio)))),
            ours_cpu: side(&self.ours, |measured| measured.cpu_per_million),
            theirs_cpu: side(&self.theirs, |measured| measured.cpu_per_million),
            ours_rss_mib: side(&self.ours, |measured| Some(measured.rss_mib)),
            theirs_rss_mib: side(&self.theirs, |measured| Some(measured.rss_mib)),
            rounds: BTreeMap::from([("ours", ours), ("theirs", theirs), ("ratio", ratios)]),
        }
    }
}

fn figures(measured: &[Measurement], metric: Metric) -> Vec<f64> {
    let figure = |measured: &Measurement| {
        measured.figures.iter().find(|(found, _)| *found == metric).map(|(_, value)| *value)
    };
    measured.iter().filter_map(figure).collect()
}

const HEAD: [&str; 9] =
    ["row", "ours", "theirs", "", "ratio", "CPU ours", "CPU theirs", "MiB ours", "MiB theirs"];

/// The table for people. Ratios are ours ÷ theirs; `↓` marks figures where less is better.
pub(crate) fn table(lines: &[Line]) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    let mut last_key = "";
    for line in lines {
        let title = if line.key == last_key { "" } else { line.title };
        last_key = line.key;
        let arrow = if line.lower_is_better { " ↓" } else { "" };
        let mark = match line.bar {
            Some((_, true)) => " ok",
            Some((_, false)) if line.theirs.is_none() => " SKIPPED",
            Some((_, false)) => " MISS",
            None => "",
        };
        rows.push([
            title.to_owned(),
            cell(line.ours),
            cell(line.theirs),
            format!("{}{arrow}", line.unit),
            format!("{}{mark}", cell(line.ratio)),
            cell(line.ours_cpu),
            cell(line.theirs_cpu),
            cell(line.ours_rss_mib),
            cell(line.theirs_rss_mib),
        ]);
    }
    align(&rows)
}

/// About three digits.
fn cell(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

/// Words to the left, figures to the right.
fn align(rows: &[[String; 9]]) -> String {
    const LEFT: [usize; 2] = [0, 3];
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..9).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if LEFT.contains(&column) {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
        let line: Vec<String> = cells.collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", line.join("  ").trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::race::rows::ROWS;

    fn measured(rate: f64) -> Measurement {
        Measurement {
            figures: vec![(Metric::Rate, rate)],
            cpu_per_million: Some(0.5),
            rss_mib: 9.0,
        }
    }

    fn barred() -> RowResult {
        let row = ROWS.iter().find(|row| row.key == "pub-128").unwrap();
        RowResult::new(row)
    }

    #[test]
    fn the_ratio_is_the_median_of_the_ratios_of_the_rounds() {
        let mut result = barred();
        for (ours, theirs) in [(10.0, 1.0), (30.0, 10.0), (40.0, 20.0)] {
            result.ours.push(measured(ours));
            result.theirs.push(measured(theirs));
        }
        let line = &result.lines()[0];
        assert_eq!(line.ratio, Some(3.0));
        assert_eq!(line.bar, Some((2.0, true)));
    }

    #[test]
    fn a_failed_round_misses_the_bar() {
        let mut result = barred();
        result.ours.push(measured(10.0));
        result.theirs.push(measured(1.0));
        result.failures.push((Side::Ours, "lost messages".to_owned()));
        assert_eq!(result.lines()[0].bar, Some((2.0, false)));
        assert_eq!(RowResult::new(result.row).lines()[0].bar, Some((2.0, false)));
    }

    #[test]
    fn figures_stand_under_each_other() {
        let mut result = barred();
        result.ours.push(measured(1234.0));
        result.theirs.push(measured(7.0));
        let text = table(&result.lines());
        let column = |line: &str, word: &str| {
            let end = line.find(word).unwrap() + word.len();
            line[..end].chars().count()
        };
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(column(lines[0], "ours"), column(lines[1], "1234"), "{text}");
        assert_eq!(column(lines[0], "theirs"), column(lines[1], "7.00"), "{text}");
    }
}
