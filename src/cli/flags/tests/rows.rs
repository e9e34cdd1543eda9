//! A table tells the flags of a command, and a row tells of one flag.

/// A flag.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub flag: &'static str,
    /// Values that can be read; empty: the flag takes no value.
    pub values: &'static [&'static str],
    /// Values that can't be read.
    pub bad: &'static [&'static str],
    /// Flags that this flag needs.
    pub needs: &'static [&'static str],
    pub not_on_files: bool,
    pub not_on_servers: bool,
}

/// A command.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub command: &'static str,
    pub positions: &'static [&'static str],
    /// Flags that the command always has.
    pub always: &'static [&'static str],
    /// The command needs one of these flags. A test without one uses the first.
    pub one_of: &'static [&'static str],
    pub rows: &'static [Row],
    /// Flags of every command that are refused without another one.
    pub needs: &'static [(&'static str, &'static str)],
    /// Pairs of flags that the command refuses. A flag paired with itself is always refused.
    pub refused: &'static [(&'static str, &'static str)],
}

pub const NONE: Table = Table {
    command: "",
    positions: &[],
    always: &[],
    one_of: &[],
    rows: &[],
    needs: &[],
    refused: &[],
};

/// A flag without a value.
pub const fn flag(flag: &'static str) -> Row {
    value(flag, &[], &[])
}

/// A flag with its values, and with some that can't be read.
pub const fn value(
    flag: &'static str,
    values: &'static [&'static str],
    bad: &'static [&'static str],
) -> Row {
    Row {
        flag,
        values,
        bad,
        needs: &[],
        not_on_files: false,
        not_on_servers: false,
    }
}

impl Row {
    pub const fn needs(self, needs: &'static [&'static str]) -> Self {
        Self { needs, ..self }
    }

    pub const fn not_on_files(self) -> Self {
        Self {
            not_on_files: true,
            ..self
        }
    }

    pub const fn not_on_servers(self) -> Self {
        Self {
            not_on_servers: true,
            ..self
        }
    }
}
