//! A few thousand damaged files for every reader; the long searches are those of the program.

use std::time::Duration;

use lzn_fuzz::{Budget, Counting, hunt, targets};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One after the other: memory is counted for the whole process.
#[test]
fn no_reader_panics_takes_much_memory_or_long() {
    for target in targets::ALL {
        let folder = tempfile::tempdir().expect("a folder");
        let budget = Budget { time: Duration::from_secs(2), inputs: 20_000, begun: None };
        let report = hunt(target, 20_251, 0, budget, folder.path()).expect("searched");
        assert!(report.findings.is_empty(), "{}: {:?}", target.name, report.findings);
        assert!(report.inputs > 100 && report.answers > 1, "{}: {report:?}", target.name);
    }
}
