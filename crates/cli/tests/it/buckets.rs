use serde_json::{Value, json};

use crate::fixture::{Server, steady};

#[test]
fn values_are_put_and_got() {
    let server = Server::start();
    server.ok("kv add CONFIG --history 5");
    assert_eq!(server.ok("kv put CONFIG color blue"), "blue\n");
    server.run_with("kv put CONFIG color", b"red").ok();

    let shown = server.ok("kv get CONFIG color");
    assert_eq!(steady(&shown), "CONFIG > color revision: 2 created @ <time> <time>\n\nred\n\n");
    assert_eq!(server.ok("kv get CONFIG color --raw"), "red");
    assert_eq!(server.ok("kv get CONFIG color --revision 1 --raw"), "blue");
    let entry: Value = serde_json::from_str(&server.ok("kv get CONFIG color --json")).unwrap();
    assert_eq!((&entry["value"], &entry["revision"]), (&json!("red"), &json!(2)));
    assert!(server.run("kv get CONFIG other").error(1).contains("key not found"));
}

#[test]
fn create_and_update_guard_against_others() {
    let server = Server::start();
    server.ok("kv add C");
    assert_eq!(server.ok("kv create C k one"), "one\n");

    assert!(server.run("kv create C k two").error(1).contains("C > k has a value already"));
    assert!(
        server.run("kv update C k two 7").error(1).contains("C > k is no longer at revision 7")
    );
    let updated: Value = serde_json::from_str(&server.ok("kv update C k two 1 --json")).unwrap();
    assert_eq!(updated, json!({"bucket": "C", "key": "k", "revision": 2}));
}

#[test]
fn deletes_stay_in_the_history_and_purges_do_not() {
    let server = Server::start();
    server.ok("kv add C --history 5");
    server.ok("kv put C k one");
    server.ok("kv del C k --force");

    let history = server.ok("kv history C k");
    assert!(
        history.contains("│ Key │ Revision │ Op     │ Created             │ Length │ Value │"),
        "{history}"
    );
    assert!(history.contains("│ k   │ 2        │ DELETE │"), "{history}");
    assert!(server.run("kv get C k").error(1).contains("key not found"));
    server.ok("kv purge C k --force");
    let history: Value = serde_json::from_str(&server.ok("kv history C k --json")).unwrap();
    assert_eq!(history.as_array().unwrap().len(), 1);
    assert_eq!(history[0]["operation"], "PURGE");
}

#[test]
fn buckets_and_keys_are_listed() {
    let server = Server::start();
    assert_eq!(server.ok("kv ls"), "No Key-Value buckets found\n");
    server.ok("kv add C --description mine");
    assert_eq!(server.ok("kv ls C"), "No keys found in bucket\n");
    server.ok("kv put C a.x 1");
    server.ok("kv put C b 2");

    assert_eq!(server.ok("kv ls --names"), "C\n");
    assert_eq!(server.ok("kv ls C a.*"), "a.x\n");
    assert_eq!(server.ok("kv ls C --json"), "[\n  \"a.x\",\n  \"b\"\n]\n");
    let table = server.ok("kv ls");
    assert!(table.contains("│ Bucket │ Description │ Created             │ Size"), "{table}");
    let verbose = server.ok("kv ls C --verbose --display-value");
    assert!(verbose.contains("Contents for bucket 'C'"), "{verbose}");
    let status = server.ok("kv status C");
    assert!(status.contains("\n        Values Stored: 2\n"), "{status}");
    assert!(server.run("kv ls NOPE").error(1).contains("there is no bucket NOPE"));
    server.ok("kv del C --force");
    assert_eq!(server.ok("kv ls"), "No Key-Value buckets found\n");
}

#[test]
fn changes_are_watched() {
    let server = Server::start();
    server.ok("kv add C --history 5");
    server.ok("kv put C a 1");
    server.ok("kv put C a 2");
    server.ok("kv del C a -f");

    let history = server.ok("kv watch C --history --count 3");
    let expected = ["PUT C > a: 1", "PUT C > a: 2", "DELETE C > a"];
    let lines: Vec<&str> = history.lines().filter_map(|line| line.split("] ").nth(1)).collect();
    assert_eq!(lines, expected);
    let first = server.ok("kv watch C a --history --no-deletes --count 1 --json");
    assert_eq!(serde_json::from_str::<Value>(&first).unwrap()["value"], "1");
}

#[test]
fn files_go_in_and_come_out_unchanged() {
    let server = Server::start();
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).take(700_001).collect();
    let directory = server.directory.path();
    std::fs::write(directory.join("in.bin"), &content).unwrap();
    server.ok("object add FILES");

    let put = server.ok("object put FILES in.bin --name a/data.bin --description test -H A:b");
    assert!(put.starts_with("Object information for FILES > a/data.bin\n"), "{put}");
    assert!(put.contains("Size: 684 KiB\n"), "{put}");
    let get = server.ok("object get FILES a/data.bin");

    assert!(get.starts_with("Wrote: 684 KiB to data.bin in "), "{get}");
    assert!(std::fs::read(directory.join("data.bin")).unwrap() == content);
    let piped = server.run("object get FILES a/data.bin -O -");
    assert!(piped.stdout == content);
    server.ok("object get FILES a/data.bin --output named.bin");
    assert!(std::fs::read(directory.join("named.bin")).unwrap() == content);
    let names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".part"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn objects_are_listed_replaced_and_deleted() {
    let server = Server::start();
    assert_eq!(server.ok("object ls"), "No Object Store buckets found\n");
    server.ok("object add F --ttl 1d");
    assert_eq!(server.ok("object ls F"), "No entries found\n");
    server.run_with("object put F --name notes", b"hello").ok();

    let again = server.run_with("object put F --name notes", b"hello");
    assert!(again.error(2).contains("--force"));
    server.run_with("object put F --name notes --force", b"other").ok();
    assert_eq!(server.run("object get F notes -O -").ok(), "other");
    assert_eq!(server.ok("object ls F --names"), "notes\n");
    assert!(server.ok("object ls F").contains("│ notes │ 5 B  │"));
    let info: Value = serde_json::from_str(&server.ok("object info F notes --json")).unwrap();
    assert_eq!((&info["name"], &info["size"]), (&json!("notes"), &json!(5)));
    assert!(server.ok("object info F").contains("TTL: 1d0h0m0s\n"));
    assert!(server.ok("object rm F notes -f").starts_with("Removed F > notes\n"));
    assert!(server.run("object get F notes").error(1).contains("there is no object F > notes"));
    server.ok("object rm F -f");
    assert_eq!(server.ok("object ls"), "No Object Store buckets found\n");
}
