//! Files and other large things in an object store.

use std::path::Path;
use std::pin::Pin;

use async_nats::jetstream::object_store;
use futures_util::StreamExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::bus::Bus;

/// Why an object store does not do what it is asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// There is no such store.
    #[error("there is no object store {0:?}; create it first")]
    NoStore(String),
    /// There is no such object.
    #[error("there is no object {name:?} in store {store:?}")]
    NotFound {
        /// The store.
        store: String,
        /// The object.
        name: String,
    },
    /// A file can't be read or written, or what came is not what was put.
    #[error("object {name:?}, {path}: {error}")]
    File {
        /// The object.
        name: String,
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// The server refuses.
    #[error("object store {store:?}: {why}")]
    Refused {
        /// The store.
        store: String,
        /// The server's words.
        why: String,
    },
}

/// An object store. What is read is checked against the digest of what was put (SHA-256).
#[derive(Clone)]
pub struct Objects {
    name: String,
    store: object_store::ObjectStore,
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objects").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// Its digest, `SHA-256=` and base64.
    pub digest: Option<String>,
    /// What somebody wrote about it.
    pub description: Option<String>,
}

impl Bus {
    /// The object store of that name.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub async fn object_store(&self, name: &str) -> Result<Objects, ObjectError> {
        let found = self.context().get_object_store(name).await;
        let store = found.map_err(|_| ObjectError::NoStore(name.to_owned()))?;
        Ok(Objects { name: name.to_owned(), store })
    }

    /// The object store of that name, made if it is missing.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    pub async fn create_object_store(
        &self,
        config: object_store::Config,
    ) -> Result<Objects, ObjectError> {
        let name = config.bucket.clone();
        if let Ok(found) = self.object_store(&name).await {
            return Ok(found);
        }
        let store = self.context().create_object_store(config).await;
        let store = store.map_err(|error| ObjectError::Refused {
            store: name.clone(),
            why: error.to_string(),
        })?;
        Ok(Objects { name, store })
    }
}

fn info(info: object_store::ObjectInfo) -> ObjectInfo {
    ObjectInfo {
        name: info.name,
        size: u64::try_from(info.size).unwrap_or(u64::MAX),
        digest: info.digest,
        description: info.description,
    }
}

impl Objects {
    fn refused(&self, why: impl std::fmt::Display) -> ObjectError {
        ObjectError::Refused { store: self.name.clone(), why: why.to_string() }
    }

    /// The async-nats store below, for what is not here.
    pub fn store(&self) -> &object_store::ObjectStore {
        &self.store
    }

    /// Puts what `data` gives.
    ///
    /// # Errors
    ///
    /// If it can't be read to its end, or the server refuses.
    pub async fn put(
        &self,
        name: &str,
        data: &mut (impl AsyncRead + Unpin),
    ) -> Result<ObjectInfo, ObjectError> {
        self.store.put(name, data).await.map(info).map_err(|error| self.refused(error))
    }

    /// Puts bytes.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    pub async fn put_bytes(&self, name: &str, data: &[u8]) -> Result<ObjectInfo, ObjectError> {
        let mut data = data;
        self.put(name, &mut data).await
    }

    /// Puts a file.
    ///
    /// # Errors
    ///
    /// If it can't be read, or the server refuses.
    pub async fn put_file(&self, name: &str, path: &Path) -> Result<ObjectInfo, ObjectError> {
        let mut file = tokio::fs::File::open(path).await.map_err(file_error(name, path))?;
        self.put(name, &mut file).await
    }

    /// Reads an object, chunk by chunk: it need not fit into memory. A wrong digest is an error at
    /// its end.
    ///
    /// # Errors
    ///
    /// If there is none, or the server refuses.
    pub async fn get(&self, name: &str) -> Result<Pin<Box<dyn AsyncRead + Send>>, ObjectError> {
        match self.store.get(name).await {
            Ok(object) => Ok(Box::pin(object)),
            Err(error) if error.kind() == object_store::GetErrorKind::NotFound => {
                Err(ObjectError::NotFound { store: self.name.clone(), name: name.to_owned() })
            }
            Err(error) => Err(self.refused(error)),
        }
    }

    /// All of an object.
    ///
    /// # Errors
    ///
    /// As [`Objects::get`], and if it is damaged.
    pub async fn get_bytes(&self, name: &str) -> Result<Vec<u8>, ObjectError> {
        let (mut object, mut data) = (self.get(name).await?, Vec::new());
        object.read_to_end(&mut data).await.map_err(|error| self.refused(error))?;
        Ok(data)
    }

    /// Writes an object into a file with the permissions `mode`, on Unix. The file has its name when
    /// all of it is there and right, and not before.
    ///
    /// # Errors
    ///
    /// As [`Objects::get`], if it is damaged, or the file can't be written.
    pub async fn get_to_file(&self, name: &str, path: &Path, mode: u32) -> Result<(), ObjectError> {
        let mut object = self.get(name).await?;
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = Path::new(&partial);
        let written = async {
            let mut file = tokio::fs::File::create(partial).await?;
            tokio::io::copy(&mut object, &mut file).await?;
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                file.set_permissions(std::fs::Permissions::from_mode(mode)).await?;
            }
            file.sync_all().await?;
            tokio::fs::rename(partial, path).await
        };
        let result: std::io::Result<()> = written.await;
        if result.is_err() {
            let _ = tokio::fs::remove_file(partial).await;
        }
        result.map_err(file_error(name, path))
    }

    /// What is known of an object.
    ///
    /// # Errors
    ///
    /// If there is none, or the server refuses.
    pub async fn info(&self, name: &str) -> Result<ObjectInfo, ObjectError> {
        match self.store.info(name).await {
            Ok(found) => Ok(info(found)),
            Err(error) if error.kind() == object_store::InfoErrorKind::NotFound => {
                Err(ObjectError::NotFound { store: self.name.clone(), name: name.to_owned() })
            }
            Err(error) => Err(self.refused(error)),
        }
    }

    /// All objects.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    pub async fn list(&self) -> Result<Vec<ObjectInfo>, ObjectError> {
        let mut list = self.store.list().await.map_err(|error| self.refused(error))?;
        let mut objects = Vec::new();
        while let Some(object) = list.next().await {
            objects.push(info(object.map_err(|error| self.refused(error))?));
        }
        Ok(objects)
    }

    /// Takes an object away.
    ///
    /// # Errors
    ///
    /// If there is none, or the server refuses.
    pub async fn delete(&self, name: &str) -> Result<(), ObjectError> {
        self.store.delete(name).await.map_err(|error| self.refused(error))
    }
}

fn file_error<'a>(
    name: &'a str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> ObjectError + 'a {
    move |error| {
        let (name, path) = (name.to_owned(), path.display().to_string());
        ObjectError::File { name, path, error }
    }
}
