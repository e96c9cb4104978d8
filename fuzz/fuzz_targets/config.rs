//! The configuration: no text makes it panic or run away, and what is accepted is accepted twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tradewind_conf::{Config, NoSource, digest, parse, print};

fuzz_target!(|text: &str| {
    let Ok(document) = parse(text, &mut NoSource) else { return };
    digest(&document.root);
    drop(print(&document.root));
    let read = Config::read(&document);
    let again = parse(text, &mut NoSource).expect("the same text parses again");
    assert_eq!(format!("{read:?}"), format!("{:?}", Config::read(&again)));
    if let Err(problems) = read {
        assert!(!problems.to_string().is_empty(), "a refusal says why");
    }
});
