//! What `torch.save` writes since version 1.6, and TorchScript: a zip archive with a pickle and one file for each
//! block.

use std::collections::HashMap;
use std::io::{Cursor, Read};

use tch::Tensor;
use zip::ZipArchive;

use super::pickle::{Node, Pickle};
use super::storage::{Block, Blocks, numbers};
use super::walk;

/// The tensors of an archive.
pub(super) fn read(bytes: &[u8]) -> Result<HashMap<String, Tensor>, String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| format!("a damaged zip archive: {e}"))?;
    let pickles = archive.file_names().find(|name| name.rsplit('/').next() == Some("data.pkl")).map(str::to_owned);
    let name = pickles.ok_or("a zip archive without `data.pkl`, so not one of torch")?;
    let folder = name.strip_suffix("data.pkl").unwrap_or_default().to_owned();
    let pickle = Pickle::read(&file(&mut archive, &name)?)?;
    let mut blocks = Blocks::new();
    for node in pickle.nodes() {
        let Node::External(description) = node else { continue };
        let block = Block::describe(&pickle, *description).ok_or("it refers to a block in an unknown way")?;
        if !blocks.contains_key(&block.key) {
            let data = file(&mut archive, &format!("{folder}data/{}", block.key))?;
            blocks.insert(block.key.clone(), numbers(&block, &data)?);
        }
    }
    walk::tensors(&pickle, &blocks)
}

fn file(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<Vec<u8>, String> {
    let mut entry = archive.by_name(name).map_err(|e| format!("`{name}` in the archive: {e}"))?;
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(|e| format!("`{name}` in the archive: {e}"))?;
    Ok(bytes)
}
