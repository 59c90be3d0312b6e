//! Comma-separated values (RFC 4180), lines as lists of cells.

use csv_core::{ReadRecordResult, Reader};

/// The lines of a text that are not empty, each with its number from 1 and its cells, without blanks around these. A cell in quotes may
/// hold commas, line breaks, and quotes written twice.
pub(super) fn lines(text: &str) -> Vec<(usize, Vec<String>)> {
    let (mut reader, mut input) = (Reader::new(), text.as_bytes());
    // The cells of a line are never longer than the text.
    let (mut cells, mut ends) = (vec![0; text.len() + 1], vec![0; 64]);
    let (mut written, mut ended, mut line, mut first) = (0, 0, 1, 1);
    let mut lines = Vec::new();
    // Counted here: the parser leaves the second byte of a Windows line end to the line after.
    let breaks = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    loop {
        if (written, ended) == (0, 0) {
            let blank = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            line += breaks(&input[..blank]);
            input = &input[blank..];
            first = line;
        }
        let (result, read, out, of_ends) = reader.read_record(input, &mut cells[written..], &mut ends[ended..]);
        line += breaks(&input[..read]);
        input = &input[read..];
        (written, ended) = (written + out, ended + of_ends);
        match result {
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull => cells.resize(2 * cells.len(), 0),
            ReadRecordResult::OutputEndsFull => ends.resize(2 * ends.len(), 0),
            ReadRecordResult::Record => {
                lines.push((first, split(&cells[..written], &ends[..ended])));
                (written, ended) = (0, 0);
            }
            ReadRecordResult::End => return lines,
        }
    }
}

/// The cells that end at these places.
fn split(cells: &[u8], ends: &[usize]) -> Vec<String> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let cell = |(start, end): (usize, &usize)| String::from_utf8_lossy(&cells[start..*end]).trim().to_owned();
    starts.zip(ends).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_line_breaks_blank_lines_and_many_cells_come_through() {
        let text = "a,b\r\n\"x, \"\"y\"\"\n z\", größe \n\n,\n";
        let expected = [(1, vec!["a", "b"]), (2, vec!["x, \"y\"\n z", "größe"]), (5, vec!["", ""])];
        assert_eq!(lines(text), expected.map(|(line, cells)| (line, cells.into_iter().map(String::from).collect())));
        let wide = vec!["cell"; 1000].join(",");
        assert_eq!(lines(&wide)[0].1.len(), 1000);
        assert!(lines("").is_empty());
    }
}
