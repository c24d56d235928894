//! The generated contract's memory: one named slot after the other, from address 0.

/// A named address.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) address: usize,
}

impl Slot {
    /// The address, four digits at least, so that a column of them is aligned.
    pub(crate) fn hex(&self) -> String {
        format!("{:#06x}", self.address)
    }
}

/// Slots under one heading.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) slots: Vec<Slot>,
}

/// Hands out addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) sections: Vec<Section>,
    top: usize,
}

impl Memory {
    /// Starts a heading.
    pub(crate) fn section(&mut self, title: impl Into<String>) {
        self.sections.push(Section {
            title: title.into(),
            slots: Vec::new(),
        });
    }

    /// Reserves `words` 32-byte words and returns their address.
    pub(crate) fn slot(&mut self, name: impl Into<String>, words: usize) -> usize {
        let address = self.top;
        self.name(name, address);
        self.top += 32 * words;
        address
    }

    /// Names an address that is reserved already.
    pub(crate) fn name(&mut self, name: impl Into<String>, address: usize) {
        if self.sections.is_empty() {
            self.section("");
        }
        if let Some(section) = self.sections.last_mut() {
            section.slots.push(Slot {
                name: name.into(),
                address,
            });
        }
    }

    /// First free address.
    pub(crate) fn top(&self) -> usize {
        self.top
    }
}
