use super::*;

#[test]
fn what_was_written_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let disk = OsDisk::new(&dir.path().join("a/b")).unwrap();
    let file = disk.create("x").unwrap();

    file.allocate(4096).unwrap();
    file.write_at(100, &Bytes::from_static(b"hello")).unwrap();
    file.sync().unwrap();
    disk.rename("x", "y").unwrap();
    disk.sync_dir().unwrap();

    let file = disk.open("y").unwrap();
    assert_eq!(file.size().unwrap(), 4096);
    assert_eq!(file.read_at(99, 7).unwrap(), &b"\0hello\0"[..]);
    assert_eq!(disk.list().unwrap(), ["y"]);
    let space = disk.space().unwrap();
    assert!(0 < space.free && space.free <= space.total);
    disk.remove("y").unwrap();
    assert_eq!(file.read_at(100, 5).unwrap(), &b"hello"[..]);
}

#[test]
fn errors_have_their_own_kinds() {
    let dir = tempfile::tempdir().unwrap();
    let disk = OsDisk::new(dir.path()).unwrap();
    let file = disk.create("x").unwrap();
    file.truncate(10).unwrap();
    let raw = |errno: rustix::io::Errno| io::Error::from_raw_os_error(errno.raw_os_error());
    let kind = |errno| DiskError::from_io("read", "x", raw(errno));

    assert!(matches!(disk.open("nothing"), Err(DiskError::NotFound { .. })));
    assert!(matches!(disk.remove("nothing"), Err(DiskError::NotFound { .. })));
    assert!(matches!(file.read_at(8, 3), Err(DiskError::Short { end: 11, .. })));
    assert!(matches!(kind(rustix::io::Errno::IO), DiskError::Io { .. }));
    assert!(matches!(kind(rustix::io::Errno::MFILE), DiskError::TooManyFiles { .. }));
    assert!(matches!(kind(rustix::io::Errno::NOSPC), DiskError::NoSpace { .. }));
    assert!(matches!(kind(rustix::io::Errno::DQUOT), DiskError::NoSpace { .. }));
}

#[test]
fn a_lock_is_exclusive_until_it_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (OsDisk::new(dir.path()).unwrap(), OsDisk::new(dir.path()).unwrap());

    let held = first.lock("lock").unwrap();

    assert!(matches!(second.lock("lock"), Err(DiskError::Locked { .. })));
    drop(held);
    assert!(second.lock("lock").is_ok());
}
