//! Shares that came or went by an option.

use super::*;

/// The premium of an option is in the cost of the shares that came by it.
#[test]
fn shares_of_options_are_refused() {
    let why = "expected no exercised or assigned option: its premium belongs to the cost of the \
               shares, and the row does not state it";
    for (name, from, to, said) in [
        (
            "ib-activity",
            "-10500,-5.25,,,,O",
            "-10500,-5.25,,,,Ex;O",
            "7: Code is \"Ex;O\"",
        ),
        (
            "ib-activity",
            "868.90,0,C;P",
            "868.90,0,A;C",
            "9: Code is \"A;C\"",
        ),
        (
            "ib-flex-trades",
            "\"EXECUTION\",\"P\"",
            "\"EXECUTION\",\"A;P\"",
            "4: Notes/Codes is \"A;P\"",
        ),
        (
            "robinhood",
            "Xyz Corp",
            "Xyz Corp Option Assignment",
            "5: Description is \"Xyz Corp Option Assignment\\nCUSIP: 000000002\"",
        ),
        (
            "schwab",
            "ABC INC",
            "ABC INC EXERCISED",
            "3: Description is \"ABC INC EXERCISED\"",
        ),
    ] {
        let file = changed(name, &[(from, to)]);
        let rejected = rejected(&file);
        assert!(
            rejected.contains(&format!("{said}, {why}")),
            "{rejected:#?}"
        );
    }
    // The cost of a purchase that opens a position is what was paid, to the cent.
    let of = |basis: &str| {
        changed(
            "ib-activity",
            &[("-10500,-5.25,,,,O", &format!("-10500,-5.25,{basis},,,O"))],
        )
    };
    for basis in ["10505.25", "10505.26", "0", ""] {
        assert_eq!(rejected(&of(basis)), [""; 0], "{basis}");
    }
    let said = "7: Basis is \"11015.25\", expected the money and the fee together: the premium of \
                an option may be in it";
    assert_eq!(rejected(&of("11015.25")), [said]);
}
