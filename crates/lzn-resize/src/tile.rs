//! Tiles of a few rows, transposed: what lies below each other in an image lies side by side here.

/// Rows of a tile: what the widest vectors hold as sums.
pub(crate) const ROWS: usize = 16;

/// One column of a tile.
pub(crate) type Column = [u8; ROWS];

/// Bytes of a word, and the side of the squares that are transposed at once.
const SIDE: usize = 8;

/// A tile of `length` columns, with as many more as fill up a square.
pub(crate) fn empty(length: usize) -> Vec<Column> {
    vec![[0; ROWS]; length.next_multiple_of(SIDE)]
}

/// Fills a tile with rows of equal length.
#[inline(always)]
pub(crate) fn read(rows: [&[u8]; ROWS], tile: &mut [Column]) {
    for (part, columns) in tile.chunks_exact_mut(SIDE).enumerate() {
        for half in (0..ROWS).step_by(SIDE) {
            let mut square = [0; SIDE];
            for row in 0..SIDE {
                square[row] = word_at(rows[half + row], part * SIDE);
            }
            transpose(&mut square);
            for column in 0..SIDE {
                columns[column][half..][..SIDE].copy_from_slice(&square[column].to_le_bytes());
            }
        }
    }
}

/// Writes the first `rows` rows of a tile, `width` bytes of each, `stride` bytes apart.
#[inline(always)]
pub(crate) fn write(tile: &[Column], target: &mut [u8], rows: usize, width: usize, stride: usize) {
    for (part, columns) in tile.chunks_exact(SIDE).enumerate() {
        let left = part * SIDE;
        for half in (0..rows).step_by(SIDE) {
            let mut square = [0; SIDE];
            for column in 0..SIDE {
                square[column] = word_at(&columns[column], half);
            }
            transpose(&mut square);
            for (row, word) in (half..rows).zip(square) {
                let target = &mut target[row * stride + left..][..SIDE.min(width - left)];
                match target.first_chunk_mut() {
                    Some(target) => *target = word.to_le_bytes(),
                    None => target.copy_from_slice(&word.to_le_bytes()[..target.len()]),
                }
            }
        }
    }
}

/// The bytes from `start` on as a word, the first lowest; zeros for what is missing.
#[inline(always)]
fn word_at(bytes: &[u8], start: usize) -> u64 {
    let bytes = &bytes[start..];
    match bytes.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Exchanges the rows, each a word, and the columns, each a byte of every word, of a square.
///
/// A square of squares is transposed by exchanging the two off its diagonal and transposing all four: so halves, quarters and eighths of
/// words are exchanged, in all squares of one size at once.
#[inline(always)]
fn transpose(square: &mut [u64; SIDE]) {
    exchange::<4>(square, 0x0000_0000_FFFF_FFFF);
    exchange::<2>(square, 0x0000_FFFF_0000_FFFF);
    exchange::<1>(square, 0x00FF_00FF_00FF_00FF);
}

/// Exchanges the upper right and the lower left of all squares of side `2 HALF`; `left` masks the left halves of their rows.
#[inline(always)]
fn exchange<const HALF: usize>(square: &mut [u64; SIDE], left: u64) {
    let bits = 8 * HALF;
    for pair in 0..SIDE / 2 {
        let upper = pair / HALF * 2 * HALF + pair % HALF;
        let (above, below) = (square[upper], square[upper + HALF]);
        square[upper] = above & left | (below & left) << bits;
        square[upper + HALF] = above >> bits & left | below & !left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_holds_columns_and_gives_back_rows() {
        for (rows, width) in [(1, 1), (5, 7), (8, 8), (9, 8), (16, 21), (13, 64)] {
            let bytes: Vec<Vec<u8>> = (0..rows).map(|y| (0..width).map(|x| (31 * y + 7 * x) as u8).collect()).collect();
            let mut tile = empty(width);
            read(std::array::from_fn(|row| &bytes[row.min(rows - 1)][..]), &mut tile);
            for (y, row) in bytes.iter().enumerate() {
                assert!(row.iter().zip(&tile).all(|(byte, column)| *byte == column[y]), "row {y} of {rows} x {width}");
            }
            let stride = width + 3;
            let mut target = vec![255; rows * stride];
            write(&tile, &mut target, rows, width, stride);
            for (row, got) in bytes.iter().zip(target.chunks_exact(stride)) {
                assert_eq!((&got[..width], &got[width..]), (&row[..], &[255; 3][..]));
            }
        }
    }
}
