//! Edits: how a few bytes say what to change in a valid file.

/// Applies `edits` to `base`. An edit is an operation byte, a position (u16, little-endian, in
/// 16-byte steps for an odd operation byte above 127, wrapped to the file), then, by operation:
/// overwrite or insert (a count of up to 63, that many bytes), cut here, copy from another
/// position (position, count). Any bytes are edits; none leave the base as it is.
pub fn edit(base: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut bytes = base.to_vec();
    let mut edits = edits;
    while let Some((&operation, rest)) = edits.split_first() {
        edits = rest;
        let at = position(operation, bytes.len(), &mut edits);
        match operation % 4 {
            0 => {
                for (to, from) in bytes.iter_mut().skip(at).zip(counted(&mut edits)) {
                    *to = *from;
                }
            }
            1 => {
                let inserted = counted(&mut edits).to_vec();
                bytes.splice(at..at, inserted);
            }
            2 => bytes.truncate(at),
            _ => {
                let from = position(operation, bytes.len(), &mut edits);
                let count = edits.split_off_first().map_or(0, |byte| usize::from(*byte));
                let copied: Vec<u8> = bytes.iter().skip(from).take(count).copied().collect();
                for (to, from) in bytes.iter_mut().skip(at).zip(copied) {
                    *to = from;
                }
            }
        }
    }
    bytes
}

/// A position in a file of `length` bytes, its end included.
fn position(operation: u8, length: usize, edits: &mut &[u8]) -> usize {
    let raw: [u8; 2] = match edits.split_off(..2) {
        Some(raw) => [raw[0], raw[1]],
        None => [0; 2],
    };
    let step = if operation > 127 { 16 } else { 1 };
    usize::from(u16::from_le_bytes(raw)) * step % (length + 1)
}

/// A count and that many bytes, or what is left.
fn counted<'e>(edits: &mut &'e [u8]) -> &'e [u8] {
    let count = edits
        .split_off_first()
        .map_or(0, |byte| usize::from(byte % 64));
    let count = count.min(edits.len());
    edits.split_off(..count).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::edit;

    #[test]
    fn edits_do_what_they_say() {
        let base = b"0123456789";
        assert_eq!(edit(base, b""), base);
        assert_eq!(edit(base, &[0, 2, 0, 2, b'a', b'b']), b"01ab456789");
        assert_eq!(edit(base, &[1, 2, 0, 1, b'a']), b"01a23456789");
        assert_eq!(edit(base, &[2, 4, 0]), b"0123");
        assert_eq!(edit(base, &[3, 0, 0, 7, 0, 3]), b"7893456789");
        assert_eq!(edit(base, &[2, 4, 0, 1, 4, 0, 1, b'x']), b"0123x");
        // Whatever the bytes, and on nothing.
        for byte in 0..=255 {
            edit(base, &[byte; 40]);
            edit(b"", &[byte; 7]);
        }
    }
}
