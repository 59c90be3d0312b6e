//! One case: its JSON and its tensors, read with errors that name the file.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use ndarray::{Array1, Array2, ArrayD, IxDyn};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;

use crate::npz;

/// A case as stored: what was computed, and the numbers.
#[derive(Debug)]
pub struct Case {
    /// The family: name of the sub-folder.
    pub family: String,
    /// The case: name of the files without extension.
    pub name: String,
    /// The contents of `NAME.json`.
    pub meta: Value,
    path: PathBuf,
    form: Form,
    tensors: BTreeMap<String, Stored>,
    /// Tensors that somebody asked for; the rest is reported, so that nothing goes unchecked in silence.
    used: RefCell<BTreeSet<String>>,
}

/// Which files make a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON and tensors: one without the other is a failure.
    Both,
    /// Either alone is a case too; without JSON, [`Case::meta`] is null.
    Either,
}

#[derive(Debug)]
pub(crate) enum Stored {
    Float(ArrayD<f64>),
    Integer(ArrayD<i64>),
}

impl Case {
    /// Reads `NAME.json` and the `NAME.safetensors` beside it, or `NAME.npz` where there is that instead.
    ///
    /// # Errors
    /// Files that are missing, truncated or not what their extension says; the message names the file.
    pub fn load(family: &str, json: &Path, form: Form) -> Result<Self> {
        let name = json.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let archive = json.with_extension("npz");
        let path = match json.with_extension("safetensors") {
            path if !path.exists() && archive.exists() => archive,
            path => path,
        };
        let alone = |other: &Path| form == Form::Either && other.exists();
        let meta = if alone(&path) && !json.exists() { Value::Null } else { read_json(json)? };
        let tensors = match path.extension() {
            _ if alone(json) && !path.exists() => Vec::new(),
            Some(extension) if extension == "npz" => npz::read(&path)?,
            _ => read_safetensors(&path)?,
        };
        let tensors = tensors.into_iter().collect();
        Ok(Self { family: family.to_owned(), name, meta, path, form, tensors, used: RefCell::default() })
    }

    /// The case `name` of a family in the same folder, whose cases have the same form.
    ///
    /// # Errors
    /// As [`Case::load`].
    pub fn sibling(&self, family: &str, name: &str) -> Result<Self> {
        let folder = self.folder().parent().unwrap_or(Path::new("."));
        Self::load(family, &folder.join(family).join(name).with_extension("json"), self.form)
    }

    /// All cases of the folder that can be read, in the order of their names; those that cannot have lines of their own.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn siblings(&self) -> Result<Vec<Self>> {
        let folder = self.folder();
        let is_case = |path: &PathBuf| {
            path.extension()
                .is_some_and(|extension| ["json", "safetensors", "npz"].iter().any(|known| extension == *known))
        };
        let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
        let paths = entries.flatten().map(|entry| entry.path()).filter(is_case);
        let names: BTreeSet<PathBuf> = paths.map(|path| path.with_extension("json")).collect();
        Ok(names.iter().filter_map(|json| Self::load(&self.family, json, self.form).ok()).collect())
    }

    /// The folder of its files.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Names of all tensors, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether there is a tensor of this name with at least one element.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.get(name).is_some_and(|stored| match stored {
            Stored::Float(values) => !values.is_empty(),
            Stored::Integer(values) => !values.is_empty(),
        })
    }

    /// Tensors that were never asked for.
    pub fn unused(&self) -> Vec<String> {
        let used = self.used.borrow();
        self.tensors.keys().filter(|name| self.has(name) && !used.contains(*name)).cloned().collect()
    }

    fn stored(&self, name: &str) -> Result<&Stored> {
        self.used.borrow_mut().insert(name.to_owned());
        self.tensors.get(name).ok_or_else(|| anyhow!("{}: no tensor `{name}`", self.path.display()))
    }

    /// A floating-point tensor, widened.
    ///
    /// # Errors
    /// The tensor is missing or holds integers.
    pub fn array(&self, name: &str) -> Result<ArrayD<f64>> {
        match self.stored(name)? {
            Stored::Float(values) => Ok(values.clone()),
            Stored::Integer(_) => bail!("{}: tensor `{name}` holds integers", self.path.display()),
        }
    }

    /// A tensor of either kind, widened or converted.
    ///
    /// # Errors
    /// The tensor is missing.
    pub fn numbers(&self, name: &str) -> Result<ArrayD<f64>> {
        match self.stored(name)? {
            Stored::Float(values) => Ok(values.clone()),
            Stored::Integer(values) => Ok(values.mapv(|x| x as f64)),
        }
    }

    /// A floating-point matrix.
    ///
    /// # Errors
    /// The tensor is missing, holds integers or is not a matrix.
    pub fn matrix(&self, name: &str) -> Result<Array2<f64>> {
        let array = self.array(name)?;
        let shape = array.shape().to_vec();
        array
            .into_dimensionality()
            .map_err(|_| anyhow!("{}: tensor `{name}` has shape {shape:?}, not [rows, columns]", self.path.display()))
    }

    /// A floating-point tensor read in row-major order.
    ///
    /// # Errors
    /// The tensor is missing or holds integers.
    pub fn vector(&self, name: &str) -> Result<Array1<f64>> {
        Ok(self.array(name)?.iter().copied().collect())
    }

    /// Integers, such as labels, in row-major order.
    ///
    /// # Errors
    /// The tensor is missing or holds floating-point numbers.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>> {
        match self.stored(name)? {
            Stored::Integer(values) => Ok(values.iter().copied().collect()),
            Stored::Float(_) => bail!("{}: tensor `{name}` holds no integers", self.path.display()),
        }
    }

    /// Indices: integers that are not negative.
    ///
    /// # Errors
    /// As [`Case::integers`], and for negative values.
    pub fn indices(&self, name: &str) -> Result<Vec<usize>> {
        let index = |i: i64| usize::try_from(i).map_err(|_| anyhow!("{}: `{name}` holds {i}", self.path.display()));
        self.integers(name)?.into_iter().map(index).collect()
    }

    /// A value of the JSON that must be there.
    ///
    /// # Errors
    /// The key is missing or its value has another type.
    pub fn get<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<T> {
        self.find(key)?.ok_or_else(|| anyhow!("{}: no key `{key}`", self.path.with_extension("json").display()))
    }

    /// A value of the JSON that may be absent.
    ///
    /// # Errors
    /// The value has another type.
    pub fn find<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let value = self.meta.get(key).filter(|value| !value.is_null()).cloned();
        value
            .map(|value| serde_json::from_value(value))
            .transpose()
            .with_context(|| format!("{}: key `{key}`", self.path.with_extension("json").display()))
    }
}

fn read_json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| format!("{}: not valid JSON", path.display()))
}

fn read_safetensors(path: &Path) -> Result<Vec<(String, Stored)>> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let file = SafeTensors::deserialize(&bytes)
        .with_context(|| format!("{}: not a valid safetensors file", path.display()))?;
    file.tensors()
        .into_iter()
        .map(|(name, view)| {
            let stored = decode(&view).with_context(|| format!("{}: tensor `{name}`", path.display()))?;
            Ok((name, stored))
        })
        .collect()
}

fn decode(view: &TensorView<'_>) -> Result<Stored> {
    let shape = IxDyn(view.shape());
    let data = view.data();
    let float =
        |values: Vec<f64>| -> Result<Stored> { Ok(Stored::Float(ArrayD::from_shape_vec(shape.clone(), values)?)) };
    let integer =
        |values: Vec<i64>| -> Result<Stored> { Ok(Stored::Integer(ArrayD::from_shape_vec(shape.clone(), values)?)) };
    match view.dtype() {
        Dtype::F64 => float(words(data)?.into_iter().map(f64::from_le_bytes).collect()),
        Dtype::F32 => float(words(data)?.into_iter().map(|word| f64::from(f32::from_le_bytes(word))).collect()),
        Dtype::I64 => integer(words(data)?.into_iter().map(i64::from_le_bytes).collect()),
        Dtype::I32 => integer(words(data)?.into_iter().map(|word| i64::from(i32::from_le_bytes(word))).collect()),
        Dtype::U8 | Dtype::BOOL => integer(data.iter().map(|byte| i64::from(*byte)).collect()),
        other => bail!("elements of type {other:?} are not read here"),
    }
}

fn words<const N: usize>(data: &[u8]) -> Result<Vec<[u8; N]>> {
    let (words, rest) = data.as_chunks::<N>();
    ensure!(rest.is_empty(), "{} bytes are no whole number of elements of {N} bytes", data.len());
    Ok(words.to_vec())
}
