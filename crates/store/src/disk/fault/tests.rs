use super::*;

fn written(disk: &FaultDisk, name: &str, bytes: &'static [u8]) -> Arc<dyn DiskFile> {
    let file = disk.create(name).unwrap();
    file.write_at(0, &Bytes::from_static(bytes)).unwrap();
    file
}

#[test]
fn only_what_was_synced_survives_a_power_loss() {
    let disk = FaultDisk::new();
    written(&disk, "synced", b"one").sync().unwrap();
    written(&disk, "unsynced", b"two");
    disk.sync_dir().unwrap();
    written(&disk, "nameless", b"three").sync().unwrap();

    let after = disk.survivor(Survival::PowerNone);

    assert_eq!(after.content("synced").unwrap(), b"one");
    assert_eq!(after.content("unsynced").unwrap(), b"");
    assert_eq!(after.content("nameless"), None);
    let after = disk.survivor(Survival::Kill);
    assert_eq!(after.content("nameless").unwrap(), b"three");
}

#[test]
fn pages_are_clean_after_a_failed_sync() {
    let disk = FaultDisk::new();
    let file = written(&disk, "x", b"one");
    disk.sync_dir().unwrap();

    disk.plan(Fault::Io(disk.ops()));

    assert!(matches!(file.sync(), Err(DiskError::Io { .. })));
    file.sync().unwrap();
    assert_eq!(disk.content("x").unwrap(), b"one");
    assert_eq!(disk.survivor(Survival::PowerAll).content("x").unwrap(), b"");
}

#[test]
fn nothing_works_after_a_crash() {
    let disk = FaultDisk::new();
    let file = written(&disk, "x", b"one");

    disk.plan(Fault::Crash(disk.ops()));

    assert!(file.sync().is_err());
    assert!(file.sync().is_err());
    assert!(disk.list().is_err());
}

#[test]
fn a_full_disk_refuses_growth_only() {
    let disk = FaultDisk::new();
    let file = written(&disk, "x", b"one");

    disk.plan(Fault::Full(0));

    assert!(matches!(file.allocate(10), Err(DiskError::NoSpace { .. })));
    assert!(matches!(disk.create("y"), Err(DiskError::NoSpace { .. })));
    file.write_at(0, &Bytes::from_static(b"two")).unwrap();
    disk.heal();
    file.allocate(10).unwrap();
}

#[test]
fn a_rename_survives_only_with_its_directory() {
    let disk = FaultDisk::new();
    written(&disk, "a", b"one").sync().unwrap();
    disk.sync_dir().unwrap();
    disk.rename("a", "b").unwrap();

    assert_eq!(disk.survivor(Survival::PowerNone).list().unwrap(), ["a"]);
    assert_eq!(disk.survivor(Survival::PowerAll).list().unwrap(), ["b"]);
}
