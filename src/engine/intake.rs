//! The rows of a ledger on their way into pools.
//!
//! A store reads rows in any order and gives each to an [`Intake`]. Settings and the row's own
//! facts name the pool. A plain dollar trade enters it at once. A trade whose value needs a rate,
//! or that moves more than one asset, waits: `legs.rs` makes its entries when the rates are known.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::assets::AssetRules;
use super::fact::Fact;
use super::facts::{MoreFacts, MoreRef, MoreText};
use super::ids::{Account, Asset, Pool, PoolNames, Symbol};
use super::pending::Pending;
use super::places::Places;
use super::pool::{LineRoom, PoolLedger};
use super::trade::{InvalidTrade, Trade, TradeRef, TradeText};
use super::traded::{StatedNames, Traded, pools_of, traded};

/// The pools that rows entered, and the trades that wait for rates.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// Pools by account and asset.
    pub pools: BTreeMap<Pool, PoolLedger>,
    /// Trades that wait.
    pub pending: Pending,
}

impl Taken {
    /// Returns the pools, and the trades that wait.
    pub fn into_parts(self) -> (BTreeMap<Pool, PoolLedger>, Pending) {
        (self.pools, self.pending)
    }
}

/// Rows of one symbol, with the place of their pool.
#[derive(Debug)]
struct SymbolPlace {
    of: Traded,
    /// The same for its trades that wait.
    of_pending: Option<Arc<Traded>>,
    /// Place of the base pool; `None`: it has no row yet.
    pool: Option<usize>,
    /// Somebody wants the base pool.
    is_base_wanted: bool,
    /// Somebody wants the pool, or that of another leg.
    is_wanted: bool,
    /// The symbol, if it is not the name of the pool.
    symbol: Option<Symbol>,
}

impl SymbolPlace {
    /// Returns the meaning of the symbol. Trades that wait share it.
    fn of_pending(&mut self) -> &Arc<Traded> {
        let of = &self.of;
        self.of_pending.get_or_insert_with(|| Arc::new(of.clone()))
    }
}

/// The way of a row into a pool.
#[derive(Debug, Clone, Copy)]
pub struct RowPlace {
    named: usize,
    /// The row is a trade for dollars with a fee in dollars.
    is_plain: bool,
}

/// Takes rows in any order, and puts them into pools.
pub struct Intake<'a> {
    rules: &'a AssetRules,
    wanted: Box<dyn Fn(&Pool) -> bool + Send + Sync + 'a>,
    named: Vec<SymbolPlace>,
    /// Places in `named` of rows without facts, by account and symbol.
    plain: BTreeMap<Pool, usize>,
    /// Places in `named` of rows with facts, by their names (`write_key`).
    stated: BTreeMap<String, usize>,
    /// The key of the last such row.
    key: String,
    pools: Vec<PoolLedger>,
    /// Places in `pools`.
    places: Places,
    pending: Pending,
    room: LineRoom,
    before: NamesBefore,
}

/// The names of the row before, which the next one often shares.
#[derive(Debug, Default)]
struct NamesBefore(Option<Traded>);

impl NamesBefore {
    /// Returns the same names. Those of the row before are in memory once.
    fn share(&mut self, mut of: Traded) -> Traded {
        if let Some(before) = &self.0 {
            take_equal(&mut of.account, &before.account);
            take_equal(&mut of.symbol, &before.symbol);
            take_equal(&mut of.asset, &before.asset);
            if let (Ok(own), Ok(before)) = (&mut of.instrument, &before.instrument) {
                take_equal(&mut own.base, &before.base);
                take_equal(&mut own.quote, &before.quote);
            }
        }
        self.0 = Some(of.clone());
        of
    }
}

/// Writes texts one after the other, each with its length: no two lists have the same key.
fn write_key<'t>(key: &mut String, texts: impl Iterator<Item = Option<&'t str>>) {
    key.clear();
    for text in texts {
        match text {
            Some(text) => {
                key.push_str(&text.len().to_string());
                key.push(':');
                key.push_str(text);
            }
            None => key.push('-'),
        }
    }
}

fn take_equal<Name: PartialEq + Clone>(own: &mut Name, before: &Name) {
    if own == before {
        *own = before.clone();
    }
}

impl<'a> Intake<'a> {
    /// Makes an intake of the pools that `wanted` accepts.
    pub fn new(rules: &'a AssetRules, wanted: impl Fn(&Pool) -> bool + Send + Sync + 'a) -> Self {
        Self {
            rules,
            wanted: Box::new(wanted),
            named: Vec::new(),
            plain: BTreeMap::new(),
            stated: BTreeMap::new(),
            key: String::new(),
            pools: Vec::new(),
            places: Places::default(),
            pending: Pending::default(),
            room: LineRoom::default(),
            before: NamesBefore::default(),
        }
    }

    /// Tells whether somebody wants one of the pools of a row.
    pub fn wants(&mut self, account: &str, symbol: &str, more: Option<&MoreText<'_>>) -> bool {
        self.place(account, symbol, more).is_some()
    }

    /// Finds the place of a row. `None`: nobody wants its pools.
    pub fn place(
        &mut self,
        account: &str,
        symbol: &str,
        more: Option<&MoreText<'_>>,
    ) -> Option<RowPlace> {
        let more = more.filter(|more| !more.is_empty());
        let place = match more {
            None => {
                let names = (account, symbol);
                let known = self.plain.get(&names as &dyn PoolNames).copied();
                known.unwrap_or_else(|| self.add_plain(account, symbol))
            }
            Some(more) => self.stated(account, symbol, more),
        };
        let named = self.named.get(place).filter(|named| named.is_wanted)?;
        let is_plain = match &named.of.instrument {
            // A row with facts keeps them, so it is read as text.
            Ok(instrument) => instrument.is_usd && more.is_none(),
            // Its pool is refused: no value is computed.
            Err(_) => true,
        };
        Some(RowPlace {
            named: place,
            is_plain,
        })
    }

    /// Tells whether somebody wants the pool of a row's base leg, the one that counts the row.
    pub fn is_base_wanted(&self, place: RowPlace) -> bool {
        let named = self.named.get(place.named);
        named.is_some_and(|named| named.is_base_wanted)
    }

    /// Adds a trade whose numbers were read without text. Returns false if it was not added: the
    /// caller then adds the row as text.
    pub fn push(
        &mut self,
        place: RowPlace,
        trade: &TradeRef<'_>,
        more: Option<&MoreText<'_>>,
    ) -> bool {
        if !place.is_plain {
            return self.push_pending(place, trade, more);
        }
        if more.is_some() {
            // Its pool is refused, and its line has all facts as text.
            return false;
        }
        let Some((named, pool)) = self.base(place) else {
            return true;
        };
        let Self {
            named: all,
            pools,
            room,
            ..
        } = self;
        let symbol = all.get(named).and_then(|named| named.symbol.as_ref());
        let trade = TradeRef {
            symbol: symbol.map(Symbol::as_str),
            ..*trade
        };
        let pool = pools.get_mut(pool);
        pool.is_some_and(|pool| pool.try_push(&trade, room).is_ok())
    }

    /// Adds a trade that waits. Returns false if it was not added: it waits for nothing, or it is
    /// not valid.
    fn push_pending(
        &mut self,
        place: RowPlace,
        trade: &TradeRef<'_>,
        more: Option<&MoreText<'_>>,
    ) -> bool {
        let read = more.map(|more| MoreFacts::try_of(more, trade.fee.is_some()));
        let Ok(facts) = read.transpose() else {
            return false;
        };
        let (facts, fee_in_usd) = facts.unwrap_or_default();
        let trade = &TradeRef {
            fee: trade.fee.or_else(|| fee_in_usd.map(Fact::of_fee)),
            more: facts.as_ref().map(MoreRef::All),
            ..*trade
        };
        let named = self.named.get_mut(place.named);
        let waits = |named: &&mut SymbolPlace| !is_in_dollars(&named.of, facts.as_ref());
        match named.filter(waits) {
            Some(named) if trade.check_row().is_ok() => {
                self.pending.push(named.of_pending(), trade).is_ok()
            }
            _ => false,
        }
    }

    /// Adds a row, as a trade or as a row that is not a valid trade.
    pub fn push_text(&mut self, place: RowPlace, text: &TradeText<'_>) {
        let Some(named) = self.named.get_mut(place.named) else {
            return;
        };
        let is_known = named.of.instrument.is_ok();
        if !place.is_plain
            && let Ok(trade) = Trade::try_from_text(text)
            && !is_in_dollars(&named.of, trade.more.as_deref())
        {
            let pushed = match TradeRef::try_of(&trade) {
                Ok(trade) => self.pending.push(named.of_pending(), &trade),
                Err(error) => Err(InvalidTrade::of(text.order_id, "size", error.to_string())),
            };
            if let Err(invalid) = pushed {
                self.refuse(place, invalid);
            }
            return;
        }
        if !place.is_plain {
            self.refuse_legs(place, text);
        }
        if let Some((named, pool)) = self.base(place) {
            let Self {
                named: all, pools, ..
            } = self;
            let symbol = all.get(named).and_then(|named| named.symbol.as_ref());
            if let Some(pool) = pools.get_mut(pool) {
                pool.push_text_of(text, symbol, is_known);
            }
        }
    }

    /// Rejects the base pool of a trade that can't wait.
    fn refuse(&mut self, place: RowPlace, invalid: InvalidTrade) {
        let base = self.base(place);
        if let Some(pool) = base.and_then(|(_, pool)| self.pools.get_mut(pool)) {
            pool.refuse_leg(invalid);
        }
    }

    /// Rejects the other pools of a faulty row: their legs are as unknown as that of the base.
    fn refuse_legs(&mut self, place: RowPlace, text: &TradeText<'_>) {
        let Err(mut invalid) = Trade::try_from_text(text) else {
            return;
        };
        let Some(named) = self.named.get(place.named) else {
            return;
        };
        let fee = text.more.map(|more| more.of("fee_currency"));
        let fee = fee.filter(|fee| !fee.is_empty());
        let of = named.of.clone();
        invalid.symbol = named.symbol.clone().map(Box::new);
        for pool in pools_of(self.rules, &of, fee).into_iter().skip(1) {
            if (self.wanted)(&pool) {
                let class = self.rules.class_of_leg(&pool.account, &pool.asset);
                let place = self.place_of(pool);
                if let Some(ledger) = self.pools.get_mut(place) {
                    ledger.add_symbol_of_leg(&of.symbol);
                    ledger.add_class(class);
                    ledger.refuse_leg(invalid.clone());
                }
            }
        }
    }

    /// Returns the places of a row's names and of its base pool, which its first row makes. `None`:
    /// nobody wants the base pool.
    fn base(&mut self, place: RowPlace) -> Option<(usize, usize)> {
        let named = self.named.get(place.named)?;
        if let Some(pool) = named.pool {
            return Some((place.named, pool));
        }
        if !named.is_base_wanted {
            return None;
        }
        let of = named.of.clone();
        let pool = self.pool(&of);
        self.named.get_mut(place.named)?.pool = Some(pool);
        Some((place.named, pool))
    }

    /// Returns the pools, and the trades that wait.
    pub fn end(self) -> Taken {
        let Self { pools, pending, .. } = self.without_names();
        let pools = pools.into_iter();
        Taken {
            pools: pools.map(|pool| (pool.pool.clone(), pool)).collect(),
            pending,
        }
    }

    /// Frees what finds the pools. Of small pools it takes more than their trades do.
    fn without_names(mut self) -> Self {
        self.before = NamesBefore::default();
        (self.named, self.places) = (Vec::new(), Places::default());
        (self.plain, self.stated) = (BTreeMap::new(), BTreeMap::new());
        self
    }

    fn add_plain(&mut self, account: &str, symbol: &str) -> usize {
        let place = self.add(account, symbol, &StatedNames::default());
        let known = self.named.get(place).map(|named| named.of.account.clone());
        let known = known.filter(|known| known.as_str() == account);
        let account = known.unwrap_or_else(|| Account::unreadable(account));
        let names = Pool::new(account, Asset::unreadable(symbol));
        self.plain.insert(names, place);
        place
    }

    fn stated(&mut self, account: &str, symbol: &str, more: &MoreText<'_>) -> usize {
        let names = more.names();
        let texts = [Some(account), Some(symbol)].into_iter().chain(names);
        write_key(&mut self.key, texts);
        if let Some(place) = self.stated.get(&self.key) {
            return *place;
        }
        let place = self.add(account, symbol, &names.map(|text| text.map(str::to_owned)));
        self.stated.insert(self.key.clone(), place);
        place
    }

    fn add(&mut self, account: &str, symbol: &str, stated: &StatedNames) -> usize {
        let of = traded(self.rules, account, symbol, stated);
        let of = self.before.share(of);
        let [_, _, _, fee] = stated;
        let pools = pools_of(self.rules, &of, fee.as_deref());
        let symbol = (of.symbol.as_str() != of.asset.as_str()).then(|| of.symbol.clone());
        self.named.push(SymbolPlace {
            pool: None,
            is_base_wanted: (self.wanted)(&of.pool()),
            is_wanted: pools.iter().any(|pool| (self.wanted)(pool)),
            of,
            of_pending: None,
            symbol,
        });
        self.named.len().saturating_sub(1)
    }

    fn pool(&mut self, of: &Traded) -> usize {
        let place = self.place_of(of.pool());
        if let Some(ledger) = self.pools.get_mut(place) {
            ledger.add_symbol(of);
        }
        place
    }

    fn place_of(&mut self, pool: Pool) -> usize {
        if let Some(place) = self.places.get(&pool) {
            return place;
        }
        let place = self.pools.len();
        self.pools
            .push(PoolLedger::of_rules(pool.clone(), self.rules));
        self.places.insert(pool, place);
        place
    }
}

/// Tells whether a trade has a price and a fee in dollars, in whichever columns they stand.
fn is_in_dollars(of: &Traded, facts: Option<&MoreFacts>) -> bool {
    let is_plain = |facts: &MoreFacts| {
        let has_value = facts.quote_value.is_some() || facts.usd_value.is_some();
        !has_value && facts.fee.is_none() && facts.is_one_unit()
    };
    let is_usd = of.instrument.as_ref().is_ok_and(|of| of.is_usd);
    is_usd && facts.is_none_or(is_plain)
}
