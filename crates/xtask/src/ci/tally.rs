/// How many tests and other checks passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
}

impl Tally {
    /// One check that is not a test of a suite.
    pub(super) fn count(&mut self, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }

    /// The last line of a test program, as libtest (`test result: ok. 3 passed; 0 failed; …`) or
    /// pytest (`1 failed, 2 passed in 0.1s`) writes it. Other lines count nothing.
    pub(super) fn read(&mut self, line: &str) {
        let line = line.trim_matches(['=', ' ']);
        let list = match line.strip_prefix("test result: ") {
            Some(rest) => rest.split_once(". ").map(|(_, list)| list),
            None => line.rsplit_once(" in ").filter(|(_, time)| is_time(time)).map(|it| it.0),
        };
        for entry in list.unwrap_or_default().split([';', ',']) {
            let Some((count, what)) = entry.trim().split_once(' ') else { continue };
            let count = count.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += count,
                "failed" | "error" | "errors" => self.failed += count,
                _ => (),
            }
        }
    }
}

/// `0.12s`, or `83.10s (0:01:23)`.
fn is_time(text: &str) -> bool {
    let seconds = text.split(' ').next().and_then(|time| time.strip_suffix('s'));
    seconds.is_some_and(|seconds| seconds.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, passed: u64, failed: u64) {
        let mut tally = Tally::default();
        tally.read(line);
        assert_eq!(tally, Tally { passed, failed }, "{line:?}");
    }

    #[test]
    fn the_last_lines_of_test_programs_are_counted() {
        check(
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.01s",
            12,
            0,
        );
        check(
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s",
            1,
            2,
        );
        check("21 passed in 12.30s", 21, 0);
        check("===== 1 failed, 20 passed, 2 errors in 83.10s (0:01:23) =====", 20, 3);
    }

    #[test]
    fn other_lines_count_nothing() {
        check("test publish::tests::all ... ok", 0, 0);
        check("5 passed in review", 0, 0);
        check("running 3 tests", 0, 0);
    }
}
