//! The repository on disk: its packages as cargo sees them, and its text files.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Folders that hold nothing written by hand.
const PASSED_OVER: [&str; 10] = [
    "target",
    ".git",
    ".venv",
    "node_modules",
    "__pycache__",
    ".pytest_cache",
    "corpus",
    "artifacts",
    "seeds",
    ".idea",
];

/// Larger files are data.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where the repository lies and what is in it.
#[derive(Debug)]
pub(crate) struct Checkout {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// The members of the workspace.
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
}

/// A declared dependency.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `dev`, `build`, or nothing.
    pub(crate) kind: Option<String>,
}

/// A library, program, test or example of a package.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) src_path: PathBuf,
}

/// A text file of the repository.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// From the root, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    /// What follows the last dot of the name.
    pub(crate) fn extension(&self) -> &str {
        Path::new(&self.path).extension().and_then(OsStr::to_str).unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Checkout {
    /// Asks cargo where the workspace is.
    pub(crate) fn find() -> Result<Checkout> {
        let output = Command::new("cargo")
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("cargo metadata")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cargo metadata failed: {said}");
        let Metadata { packages, workspace_root, target_directory } =
            serde_json::from_slice(&output.stdout).context("the answer of cargo metadata")?;
        Ok(Checkout { root: workspace_root, target: target_directory, packages })
    }

    /// All text files, sorted by path.
    pub(crate) fn files(&self) -> Result<Vec<SourceFile>> {
        let mut files = Vec::new();
        collect(&self.root, &self.root, &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// `path` from the root, with slashes.
    pub(crate) fn relative(&self, path: &Path) -> String {
        slashed(path.strip_prefix(&self.root).unwrap_or(path))
    }

    /// The Python environment of the tests; kept apart because the system's may be closed.
    pub(crate) fn venv(&self) -> PathBuf {
        self.target.join("venv")
    }

    /// A program of the Python environment.
    pub(crate) fn venv_program(&self, name: &str) -> PathBuf {
        self.venv().join("bin").join(name)
    }
}

fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<SourceFile>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !PASSED_OVER.iter().any(|name| entry.file_name() == *name) {
                collect(root, &path, files)?;
            }
        } else if kind.is_file() && entry.metadata()?.len() <= FILE_BYTES_MAX {
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(SourceFile { path: slashed(path.strip_prefix(root)?), text });
            }
        }
    }
    Ok(())
}
