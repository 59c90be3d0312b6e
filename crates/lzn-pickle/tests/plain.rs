//! Plain pickles: what Python wrote comes back, and what asks for more is refused by name.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its files has failed")]

use std::path::Path;

use lzn_pickle::{Limits, Plain, PtError, Value};

fn read(pickle: &[u8]) -> Result<Plain, PtError> {
    Plain::read(Path::new("x.pkl"), pickle, &Limits::default())
}

fn refusal(pickle: &[u8]) -> String {
    let message = read(pickle).unwrap_err().to_string();
    assert!(message.starts_with("x.pkl: refused, and nothing in it was run"), "{message}");
    message
}

/// `{"raw": b"\x01\xff", "n": [1, -2]}` by `pickle.dumps` of Python 3 with protocols 2, 3 and 4.
const WRITTEN: [&[u8]; 3] = [
    b"\x80\x02}q\x00(X\x03\x00\x00\x00rawq\x01c_codecs\nencode\nq\x02X\x03\x00\x00\x00\x01\xc3\xbfq\x03X\x06\x00\x00\x00latin1q\x04\
      \x86q\x05Rq\x06X\x01\x00\x00\x00nq\x07]q\x08(K\x01J\xfe\xff\xff\xffeu.",
    b"\x80\x03}q\x00(X\x03\x00\x00\x00rawq\x01C\x02\x01\xffq\x02X\x01\x00\x00\x00nq\x03]q\x04(K\x01J\xfe\xff\xff\xffeu.",
    b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x03raw\x94C\x02\x01\xff\x94\x8c\x01n\x94]\x94(K\x01J\xfe\xff\xff\xffeu.",
];

#[test]
fn every_protocol_of_python_3_gives_the_same_values() {
    for pickle in WRITTEN {
        let plain = read(pickle).unwrap();
        let root = plain.root();
        assert_eq!(root.get("raw").and_then(Value::bytes), Some([1, 0xff].as_slice()));
        let numbers: Vec<_> = root.get("n").and_then(Value::items).unwrap().map(Value::int).collect();
        assert_eq!(numbers, [Some(1), Some(-2)]);
    }
}

/// An array of `shape`, of this kind, in this order, with these bytes, as NumPy writes it.
fn array(shape: &[u8], kind: &[u8], columns: u8, bytes: &[u8]) -> Vec<u8> {
    let shape: Vec<u8> = shape.iter().flat_map(|side| [b'K', *side]).collect();
    [
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R(K\x01(".as_slice(),
        &shape,
        b"tcnumpy\ndtype\nU\x02",
        kind,
        b"K\0K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb",
        &[columns],
        b"U",
        &[bytes.len() as u8],
        bytes,
        b"tb.",
    ]
    .concat()
}

const IN_ROWS: u8 = 0x89;
const IN_COLUMNS: u8 = 0x88;

#[test]
fn arrays_of_bytes_come_with_their_shape() {
    let plain = read(&array(&[2, 3], b"u1", IN_ROWS, b"abcdef")).unwrap();
    assert_eq!(plain.root().byte_array(), Some(([2, 3].as_slice(), b"abcdef".as_slice())));
    assert_eq!(plain.root().bytes(), None);
}

#[test]
fn other_arrays_are_refused() {
    assert!(refusal(&array(&[2], b"f8", IN_ROWS, b"ab")).contains("an array of `f8`"));
    assert!(refusal(&array(&[2], b"u1", IN_COLUMNS, b"ab")).contains("in the order of its columns"));
    assert!(refusal(&array(&[2, 2], b"u1", IN_ROWS, b"abc")).contains("shape [2, 2] with 3 bytes"));
    assert!(refusal(&array(&[1; 17], b"u1", IN_ROWS, b"a")).contains("17 dimensions"));
}

#[test]
fn functions_and_torch_are_refused_by_name() {
    assert!(refusal(b"\x80\x02cos\nsystem\nU\x04true\x85R.").contains("`os.system`"));
    assert!(refusal(b"\x80\x02cbuiltins\neval\nU\x011\x85R.").contains("`builtins.eval`"));
    assert!(refusal(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n.").contains("`torch._utils._rebuild_tensor_v2`"));
    assert!(refusal(b"\x80\x02cnumpy\nndarray\nK\x01\x85R.").contains("it calls a class"));
}

#[test]
fn bytes_are_copied_within_the_limits_alone() {
    // A text of 60 kB, made into bytes over and over.
    let text = "a".repeat(60_000);
    let mut pickle =
        [b"\x80\x02(c_codecs\nencode\nq\0X".as_slice(), &60_000u32.to_le_bytes(), text.as_bytes(), b"q\x01"].concat();
    for _ in 0..5_000 {
        pickle.extend(b"h\0h\x01\x85R");
    }
    pickle.extend(b"t.");
    assert!(refusal(&pickle).contains("more than 1048576 values"));
    let large = Limits { pickle_bytes: 10, ..Limits::default() };
    assert!(Plain::read(Path::new("x.pkl"), WRITTEN[0], &large).unwrap_err().to_string().contains("more than 10"));
}
