//! As much of MATLAB's files (level 5) as a list of structs with numbers and texts takes.
//!
//! After 128 bytes of header, a file is a sequence of elements: a type and a length of 32 bits each, the data, and filling up to a multiple
//! of 8. Elements of up to 4 bytes are packed into one word with their type. An array is an element of elements: flags, dimensions, name,
//! and what it holds.

use std::io::Read;

use flate2::read::ZlibDecoder;

const HEADER: usize = 128;

/// Types of elements.
const INT8: u32 = 1;
const UINT8: u32 = 2;
const INT16: u32 = 3;
const UINT16: u32 = 4;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const DOUBLE: u32 = 9;
const ARRAY: u32 = 14;
const COMPRESSED: u32 = 15;
const UTF8: u32 = 16;

/// Classes of arrays.
const STRUCT: u8 = 2;
const CHAR: u8 = 4;

/// Most bytes that are unpacked, and most fields of all structs together.
const UNPACKED: u64 = 64 << 20;
const FIELDS: usize = 1 << 20;

/// A list of structs with the same fields.
#[derive(Debug)]
pub(super) struct Struct {
    names: Vec<String>,
    /// The fields of the first, then of the second, and so on.
    values: Vec<Value>,
}

/// What one field holds.
#[derive(Debug)]
enum Value {
    Text(String),
    Number(f64),
    Other,
}

impl Struct {
    /// The list of this name in a file.
    pub(super) fn read(file: &[u8], name: &str) -> Result<Self, String> {
        if file.len() < HEADER || !file.starts_with(b"MATLAB 5.0") || &file[126..128] != b"IM" {
            return Err("is no file of MATLAB, level 5, little-endian".to_owned());
        }
        let mut rest = &file[HEADER..];
        while !rest.is_empty() {
            let (kind, data) = element(&mut rest)?;
            let found = if kind == COMPRESSED {
                let mut unpacked = Vec::new();
                let mut decoder = ZlibDecoder::new(data).take(UNPACKED);
                decoder.read_to_end(&mut unpacked).map_err(|error| format!("is damaged ({error})"))?;
                let (kind, data) = element(&mut unpacked.as_slice())?;
                Self::of(kind, data, name)?
            } else {
                Self::of(kind, data, name)?
            };
            if let Some(found) = found {
                return Ok(found);
            }
        }
        Err(format!("has no list `{name}`"))
    }

    fn of(kind: u32, data: &[u8], name: &str) -> Result<Option<Self>, String> {
        if kind != ARRAY {
            return Ok(None);
        }
        let Array { class, count, name: own, mut rest } = Array::read(data)?;
        if class != STRUCT || own != name {
            return Ok(None);
        }
        let (_, width) = element(&mut rest)?;
        let width = width.first_chunk::<4>().map_or(0, |width| u32::from_le_bytes(*width) as usize);
        let (_, names) = element(&mut rest)?;
        if width == 0 {
            return Err("has fields without names".to_owned());
        }
        let names: Vec<String> = names
            .chunks_exact(width)
            .map(|name| String::from_utf8_lossy(name).trim_end_matches('\0').to_owned())
            .collect();
        let fields = count.checked_mul(names.len()).filter(|fields| *fields <= FIELDS);
        let fields = fields.ok_or_else(|| format!("claims {count} structs of {} fields", names.len()))?;
        let values = (0..fields).map(|_| value(&mut rest)).collect::<Result<_, _>>()?;
        Ok(Some(Self { names, values }))
    }

    fn field<T>(&self, name: &str, of: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, String> {
        let place = self.names.iter().position(|own| own == name).ok_or_else(|| format!("has no field `{name}`"))?;
        let values = self.values.chunks_exact(self.names.len());
        let values = values.map(|fields| of(&fields[place])).collect::<Option<Vec<_>>>();
        values.ok_or_else(|| format!("has another kind of value in a field `{name}`"))
    }

    /// A field that is a number, of every struct.
    pub(super) fn numbers(&self, name: &str) -> Result<Vec<f64>, String> {
        self.field(name, |value| if let Value::Number(number) = value { Some(*number) } else { None })
    }

    /// A field that is a text.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        self.field(name, |value| if let Value::Text(text) = value { Some(text.clone()) } else { None })
    }
}

/// An array without what it holds.
struct Array<'a> {
    class: u8,
    /// Product of the dimensions.
    count: usize,
    name: String,
    rest: &'a [u8],
}

impl<'a> Array<'a> {
    fn read(mut rest: &'a [u8]) -> Result<Self, String> {
        let (_, flags) = element(&mut rest)?;
        let (_, sides) = element(&mut rest)?;
        let (_, name) = element(&mut rest)?;
        let (sides, _) = sides.as_chunks::<4>();
        let side = |side: &[u8; 4]| usize::try_from(i32::from_le_bytes(*side)).ok();
        let count = sides.iter().map(side).try_fold(1usize, |count, side| count.checked_mul(side?));
        let count = count.ok_or("has an array of impossible size")?;
        let name = String::from_utf8_lossy(name).into_owned();
        Ok(Self { class: flags.first().copied().unwrap_or_default(), count, name, rest })
    }
}

/// One field of a struct.
fn value(rest: &mut &[u8]) -> Result<Value, String> {
    let (kind, data) = element(rest)?;
    if kind != ARRAY || data.is_empty() {
        return Ok(Value::Other);
    }
    let Array { class, count, mut rest, .. } = Array::read(data)?;
    if !(class == CHAR || (6..=15).contains(&class)) || rest.is_empty() {
        return Ok(Value::Other);
    }
    let (kind, data) = element(&mut rest)?;
    if class == CHAR {
        return Ok(text(kind, data).map_or(Value::Other, Value::Text));
    }
    Ok(match number(kind, data) {
        Some(number) if count == 1 => Value::Number(number),
        _ => Value::Other,
    })
}

fn text(kind: u32, data: &[u8]) -> Option<String> {
    match kind {
        INT8 | UINT8 | UTF8 => Some(String::from_utf8_lossy(data).into_owned()),
        UINT16 => {
            let letters: Vec<u16> = data.as_chunks::<2>().0.iter().map(|letter| u16::from_le_bytes(*letter)).collect();
            Some(String::from_utf16_lossy(&letters))
        }
        _ => None,
    }
}

/// The first number; it is stored in the least type that holds it.
fn number(kind: u32, data: &[u8]) -> Option<f64> {
    match kind {
        INT8 => data.first().map(|byte| f64::from(*byte as i8)),
        UINT8 => data.first().map(|byte| f64::from(*byte)),
        INT16 => data.first_chunk().map(|bytes| f64::from(i16::from_le_bytes(*bytes))),
        UINT16 => data.first_chunk().map(|bytes| f64::from(u16::from_le_bytes(*bytes))),
        INT32 => data.first_chunk().map(|bytes| f64::from(i32::from_le_bytes(*bytes))),
        UINT32 => data.first_chunk().map(|bytes| f64::from(u32::from_le_bytes(*bytes))),
        DOUBLE => data.first_chunk().map(|bytes| f64::from_le_bytes(*bytes)),
        _ => None,
    }
}

/// Type and data of the next element.
fn element<'a>(rest: &mut &'a [u8]) -> Result<(u32, &'a [u8]), String> {
    let ends = || "ends within an element".to_owned();
    let word = |at: usize| rest.get(at..at + 4).and_then(<[u8]>::first_chunk).map(|word| u32::from_le_bytes(*word));
    let first = word(0).ok_or_else(ends)?;
    let small = (first >> 16) as usize;
    if small != 0 {
        let data = rest.get(4..4 + small).filter(|_| small <= 4).ok_or_else(ends)?;
        *rest = rest.get(8..).unwrap_or_default();
        return Ok((first & 0xffff, data));
    }
    let length = word(4).ok_or_else(ends)? as usize;
    let data = rest.get(8..).and_then(|rest| rest.get(..length)).ok_or_else(ends)?;
    // Compressed elements are not filled up.
    let filled = if first == COMPRESSED { length } else { length.next_multiple_of(8) };
    *rest = rest.get(8 + filled..).unwrap_or_default();
    Ok((first, data))
}
