//! What is in a file: pages that copies share until one of them is written.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

/// A page, and the smallest thing that is copied.
const PAGE: usize = 4096;

/// The bytes of a file. A clone costs a pointer per page; a page of zeroes costs nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    len: usize,
    pages: Vec<Option<Arc<[u8; PAGE]>>>,
}

impl Content {
    pub(super) fn of(bytes: &[u8]) -> Content {
        let mut content = Content::default();
        content.write(0, bytes);
        content
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Grows with zeroes, or cuts.
    pub(super) fn resize(&mut self, len: usize) {
        self.pages.resize(len.div_ceil(PAGE), None);
        if len < self.len
            && let Some(Some(last)) = self.pages.last_mut()
            && !len.is_multiple_of(PAGE)
        {
            Arc::make_mut(last)[len % PAGE..].fill(0);
        }
        self.len = len;
    }

    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        if self.len < at + bytes.len() {
            self.resize(at + bytes.len());
        }
        let (mut at, mut rest) = (at, bytes);
        while !rest.is_empty() {
            let (index, from) = (at / PAGE, at % PAGE);
            let (part, after) = rest.split_at(rest.len().min(PAGE - from));
            match &mut self.pages[index] {
                None if part.iter().all(|byte| *byte == 0) => (),
                page => {
                    let page = page.get_or_insert_with(|| Arc::new([0; PAGE]));
                    Arc::make_mut(page)[from..from + part.len()].copy_from_slice(part);
                }
            }
            at += part.len();
            rest = after;
        }
    }

    /// Exactly these bytes; `None` if the file ends before.
    pub(super) fn read(&self, at: usize, len: usize) -> Option<Bytes> {
        if self.len < at.checked_add(len)? {
            return None;
        }
        let mut out = BytesMut::with_capacity(len);
        let mut at = at;
        while out.len() < len {
            let (index, from) = (at / PAGE, at % PAGE);
            let n = (len - out.len()).min(PAGE - from);
            match &self.pages[index] {
                Some(page) => out.extend_from_slice(&page[from..from + n]),
                None => out.resize(out.len() + n, 0),
            }
            at += n;
        }
        Some(out.freeze())
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        self.read(0, self.len).map(Vec::from).unwrap_or_default()
    }
}
