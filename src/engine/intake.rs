//! The rows of a ledger on their way into pools.
//!
//! A store reads rows in any order and gives each to an [`Intake`]. Settings and the row's own
//! facts name the pool. A plain dollar trade enters it at once. A trade whose value needs a rate,
//! or that moves more than one asset, waits: `legs.rs` makes its entries when the rates are known.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use super::assets::{AssetRules, Instrument};
use super::facts::{MoreFacts, MoreText};
use super::ids::{Account, Asset, Pool, PoolNames, Symbol};
use super::pool::{LineRoom, PoolLedger};
use super::trade::{Trade, TradeRef, TradeText};
use super::traded::{PendingTrade, StatedNames, Traded, pools_of, traded};

/// The pools that rows entered, and the trades that wait for rates.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// Pools by account and asset.
    pub pools: BTreeMap<Pool, PoolLedger>,
    /// Trades that wait.
    pub pending: Vec<PendingTrade>,
}

impl Taken {
    /// Returns the pools, and the trades that wait.
    pub fn into_parts(self) -> (BTreeMap<Pool, PoolLedger>, Vec<PendingTrade>) {
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
    /// Places in `named` of rows with facts.
    stated: BTreeMap<(String, String, StatedNames), usize>,
    pools: Vec<PoolLedger>,
    /// Places in `pools`.
    places: HashMap<Pool, usize>,
    pending: Vec<PendingTrade>,
    room: LineRoom,
    known: KnownNames,
}

/// Names that rows share, each in memory once.
#[derive(Debug, Default)]
struct KnownNames {
    accounts: HashSet<Account>,
    symbols: HashSet<Symbol>,
    assets: HashSet<Asset>,
}

impl KnownNames {
    fn share(&mut self, of: Traded) -> Traded {
        let mut instrument = of.instrument;
        if let Ok(Instrument { base, quote, .. }) = &mut instrument {
            *base = self.asset(base.clone());
            *quote = self.asset(quote.clone());
        }
        Traded {
            account: self.account(of.account),
            symbol: known(&mut self.symbols, of.symbol),
            asset: self.asset(of.asset),
            instrument,
        }
    }

    fn account(&mut self, account: Account) -> Account {
        known(&mut self.accounts, account)
    }

    fn asset(&mut self, asset: Asset) -> Asset {
        known(&mut self.assets, asset)
    }
}

/// Returns the name that is known, or keeps this one.
fn known<Name: Eq + Hash + Clone>(names: &mut HashSet<Name>, name: Name) -> Name {
    if let Some(known) = names.get(&name) {
        return known.clone();
    }
    names.insert(name.clone());
    name
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
            pools: Vec::new(),
            places: HashMap::new(),
            pending: Vec::new(),
            room: LineRoom::default(),
            known: KnownNames::default(),
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

    /// Adds a trade whose numbers were read without text. Returns false if it was not added: the
    /// caller then adds the row as text.
    pub fn push(&mut self, place: RowPlace, trade: &TradeRef<'_>) -> bool {
        if !place.is_plain {
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

    /// Adds a row, as a trade or as a row that is not a valid trade.
    pub fn push_text(&mut self, place: RowPlace, text: &TradeText<'_>) {
        let Some(named) = self.named.get_mut(place.named) else {
            return;
        };
        let is_known = named.of.instrument.is_ok();
        if !place.is_plain
            && let Ok(trade) = Trade::try_from_text(text)
            && !is_in_dollars(&named.of, &trade)
        {
            let of = named
                .of_pending
                .get_or_insert_with(|| Arc::new(named.of.clone()));
            let of = Arc::clone(of);
            self.pending.push(PendingTrade { of, trade });
            return;
        }
        // Only the base pool names a faulty row: nobody knows its other legs.
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
        self.known = KnownNames::default();
        (self.named, self.plain) = (Vec::new(), BTreeMap::new());
        (self.stated, self.places) = (BTreeMap::new(), HashMap::new());
        self
    }

    fn add_plain(&mut self, account: &str, symbol: &str) -> usize {
        let place = self.add(account, symbol, &StatedNames::default());
        let account = self.known.account(Account::unreadable(account));
        let symbol = self.known.asset(Asset::unreadable(symbol));
        self.plain.insert(Pool::new(account, symbol), place);
        place
    }

    fn stated(&mut self, account: &str, symbol: &str, more: &MoreText<'_>) -> usize {
        let columns = [
            "base_asset",
            "quote_currency",
            "asset_class",
            "fee_currency",
        ];
        let text = |column: &str| Some(more.of(column)).filter(|text| !text.is_empty());
        let stated: StatedNames = columns.map(|column| text(column).map(str::to_owned));
        let key = (account.to_owned(), symbol.to_owned(), stated);
        if let Some(place) = self.stated.get(&key) {
            return *place;
        }
        let place = self.add(account, symbol, &key.2);
        self.stated.insert(key, place);
        place
    }

    fn add(&mut self, account: &str, symbol: &str, stated: &StatedNames) -> usize {
        let of = self
            .known
            .share(traded(self.rules, account, symbol, stated));
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
        let pool = of.pool();
        let place = match self.places.get(&pool) {
            Some(place) => *place,
            None => {
                let place = self.pools.len();
                self.pools.push(PoolLedger::new(pool.clone()));
                self.places.insert(pool, place);
                place
            }
        };
        if let Some(ledger) = self.pools.get_mut(place) {
            ledger.add_symbol(of);
        }
        place
    }
}

/// Tells whether a trade has a price and a fee in dollars, in whichever columns they stand.
fn is_in_dollars(of: &Traded, trade: &Trade) -> bool {
    let facts = trade.more.as_ref().map(|more| more.as_ref().clone());
    let facts = facts.and_then(|facts| facts.beside(of.symbol.as_str()));
    let is_plain = |facts: &MoreFacts| {
        let has_value = facts.quote_value.is_some() || facts.usd_value.is_some();
        !has_value && facts.fee.is_none() && facts.contract_size.is_none()
    };
    let is_usd = of.instrument.as_ref().is_ok_and(|of| of.is_usd);
    is_usd && facts.as_ref().is_none_or(is_plain)
}
