//! Properties of what is resumed: parts of a history, on top of what the earlier ones left.

use super::*;

pub(super) fn inventory_lot(buy: &TradeRef<'_>, lot: &OpenLot) -> InventoryLot {
    InventoryLot {
        buy: buy.to_trade().unwrap(),
        remaining_size: lot.remaining_size,
        remaining_cost: lot.remaining_cost,
        was_used: false,
        only_moved: false,
    }
}

/// A version's rows of a pool: its lots by number.
pub(super) struct Kept {
    pub(super) totals: PoolTotals,
    last: Option<PlaceInPool>,
    pub(super) lots: Vec<InventoryLot>,
}

impl Kept {
    pub(super) fn of(matching: &Matching) -> Self {
        let lots = matching.open_lots_with_buys().map(Result::unwrap);
        Self {
            totals: matching.totals,
            last: matching.trades.last().map(|trade| trade.place().owned()),
            lots: lots.map(|(buy, lot)| inventory_lot(&buy, lot)).collect(),
        }
    }

    /// Changes the rows as a store does.
    pub(super) fn append(&mut self, matching: &Matching, totals: PoolTotals) {
        let newest = matching.trades.last().map(|trade| trade.place().owned());
        self.last = newest.max(self.last.take());
        self.totals = totals;
        let changes = matching.lot_changes().unwrap();
        for (buy, lot) in &changes.used {
            let id = |lot: &&mut InventoryLot| lot.buy.order_id.as_str() == buy.order_id;
            let kept = self.lots.iter_mut().find(id).unwrap();
            kept.remaining_size = lot.remaining_size;
            kept.remaining_cost = lot.remaining_cost;
        }
        let is_gone = |id: &str| changes.gone.iter().any(|buy| buy.order_id == id);
        self.lots.retain(|lot| !is_gone(lot.buy.order_id.as_str()));
        let added = changes.added.iter();
        self.lots
            .extend(added.map(|(buy, lot)| inventory_lot(buy, lot)));
    }

    /// Reads the part that some trades need to go on.
    pub(super) fn state(&self, new: &PoolLedger) -> PoolState {
        let reach = reach_of(new, self.last.as_ref());
        let mut picker = LotPicker::new(reach);
        let needed = |lot: &&InventoryLot| picker.needs(lot.remaining_size, lot.remaining_cost);
        PoolState {
            totals: self.totals,
            last: self.last.clone(),
            lots: self.lots.iter().filter(needed).cloned().collect(),
            rest: picker.rest(),
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let line = |lot: &InventoryLot| {
            let id = &lot.buy.order_id;
            format!("{id} {} {}\n", lot.remaining_size, lot.remaining_cost)
        };
        self.lots.iter().map(line).collect()
    }
}

fn ledger(trades: &[Trade]) -> PoolLedger {
    let mut ledger = PoolLedger::new(pool());
    for trade in trades {
        ledger.push(&TradeRef::try_of(trade).unwrap()).unwrap();
    }
    ledger
}

/// The rows of a matching, in an order of their own.
pub(super) fn sorted_rows(matching: &Matching) -> Vec<String> {
    let mut rows: Vec<String> = matching.rows().unwrap().iter().map(line).collect();
    rows.sort();
    rows
}

#[test]
fn trades_in_several_parts_give_what_all_at_once_give() {
    let (matched, changed, unread) = (Cell::new(0_u32), Cell::new(0_u32), Cell::new(0_u32));
    let arrivals = (
        history(),
        prop::collection::vec(0_usize..4, 60),
        any::<bool>(),
    );
    for_all(500, arrivals, |(mut trades, parts, in_time)| {
        if in_time {
            // As a bot writes them: mostly in order, now and then one that comes late.
            trades.sort_by(Trade::cmp_in_pool);
        }
        let part_of = |place: usize| match (in_time, parts[place]) {
            (true, 3) => 3,
            (true, _) => place * 4 / trades.len().max(1),
            (false, part) => part,
        };
        let mut arrived: Vec<Trade> = Vec::new();
        let mut now: Option<Kept> = None;
        let mut rows: Vec<String> = Vec::new();
        for part in 0..4 {
            let of_part = trades.iter().enumerate();
            let of_part = of_part.filter(|(place, _)| part_of(*place) == part);
            let new: Vec<Trade> = of_part.map(|(_, trade)| trade.clone()).collect();
            arrived.extend(new.iter().cloned());
            let Ok(whole) = match_pool(pool(), arrived.clone()) else {
                return Ok(());
            };
            let state = now.as_ref().map(|now| now.state(&ledger(&new)));
            let continued = state.as_ref().map(|it| continue_pool(ledger(&new), it));
            match (continued, &mut now) {
                (Some(Continued::Matched(matching, totals)), Some(now)) => {
                    let rest = state.map_or(0, |state| state.rest.lots);
                    unread.set(unread.get() + u32::from(rest > 0));
                    matched.set(matched.get() + u32::from(!new.is_empty()));
                    rows.extend(sorted_rows(&matching));
                    rows.sort();
                    prop_assert_eq!(&rows, &sorted_rows(&whole));
                    prop_assert_eq!(*totals, whole.totals);
                    now.append(&matching, *totals);
                    prop_assert_eq!(now.lines(), Kept::of(&whole).lines());
                }
                (Some(Continued::Rejected(rejection)), _) => {
                    prop_assert!(false, "rejected: {rejection:?}");
                }
                (Some(Continued::Damaged(why)), _) => prop_assert!(false, "damaged: {why}"),
                (other, _) => {
                    if let Some(Continued::HistoryChanged { order_id }) = other {
                        changed.set(changed.get() + 1);
                        prop_assert!(new.iter().any(|trade| trade.order_id.as_str() == order_id));
                    }
                    rows = sorted_rows(&whole);
                    now = Some(Kept::of(&whole));
                }
            }
        }
        Ok(())
    });
    assert!(matched.get() > 300, "{} parts were matched", matched.get());
    assert!(changed.get() > 300, "{} parts came late", changed.get());
    assert!(unread.get() > 60, "{} parts left lots unread", unread.get());
}

#[test]
fn a_damaged_snapshot_is_found() {
    for_all(300, (history(), 0_u8..6), |(trades, damage)| {
        let Ok(whole) = match_pool(pool(), trades) else {
            return Ok(());
        };
        let nothing = ledger(&[]);
        let mut kept = Kept::of(&whole);
        let several = kept.lots.len() > 1;
        let Some(lot) = kept.lots.first_mut() else {
            return Ok(());
        };
        match damage {
            0 => drop(kept.lots.pop()),
            1 => lot.remaining_cost = lot.remaining_cost.checked_add(Usd::from_units(1)).unwrap(),
            2 => lot.remaining_size = add_sizes(lot.remaining_size, "1".parse().unwrap()).unwrap(),
            3 => {
                let copy = lot.clone();
                kept.lots.push(copy);
            }
            4 if several => {
                let one: Size = "1".parse().unwrap();
                let last = kept.lots.last_mut().unwrap();
                last.remaining_size = add_sizes(last.remaining_size, one).unwrap();
            }
            _ => kept.totals.open_lots += 1,
        }
        let found = continue_pool(nothing.clone(), &kept.state(&nothing));
        prop_assert!(matches!(found, Continued::Damaged(_)), "{found:?}");
        Ok(())
    });
}

#[test]
fn lots_out_of_their_order_are_damage_where_not_all_are_read() {
    let trades = ["1", "2", "3"].map(|id| format!("buy {id}"));
    let buy = |nth: i64| Trade {
        order_id: trades[nth as usize].parse().unwrap(),
        side: Side::Buy,
        size: "1".parse().unwrap(),
        price: "10".parse().unwrap(),
        fee: None,
        order_time: Timestamp::try_from_micros(nth).unwrap(),
        trade_seq: None,
        more: None,
        entry: Default::default(),
    };
    let whole = match_pool(pool(), (0..3).map(buy).collect::<Vec<_>>()).unwrap();
    let sell = Trade {
        order_id: "sell".parse().unwrap(),
        side: Side::Sell,
        size: "1.5".parse().unwrap(),
        order_time: Timestamp::try_from_micros(9).unwrap(),
        ..buy(0)
    };
    let new = ledger(&[sell]);
    let mut kept = Kept::of(&whole);
    let state = kept.state(&new);
    assert_eq!((state.lots.len(), state.rest.lots), (2, 1));
    let found = continue_pool(new.clone(), &state);
    assert!(matches!(found, Continued::Matched(..)), "{found:?}");
    kept.lots.swap(0, 1);
    let found = continue_pool(new.clone(), &kept.state(&new));
    assert!(matches!(found, Continued::Damaged(_)), "{found:?}");
    // Somebody reads less than the sell can reach.
    let mut short = Kept::of(&whole).state(&ledger(&[]));
    assert_eq!((short.lots.len(), short.rest.lots), (1, 2));
    let found = continue_pool(new.clone(), &short);
    assert!(matches!(found, Continued::Damaged(_)), "{found:?}");
    short.rest = LotSums::NONE;
    assert!(matches!(continue_pool(new, &short), Continued::Damaged(_)));
}
