//! The expected reading of each symbol, or the settings that its refusal proposes. Made by hand.

use super::{AssetRules, Instrument, UnknownInstrument};
use crate::engine::class::{AssetClass, ClassSource, PoolClass};

/// `symbol = base quote class`, of symbols that are accepted without settings.
const ACCEPTED: &str = "
    BTC-USD = BTC USD crypto
    btc/usd = BTC USD crypto
    BTC_USD = BTC USD crypto
    BTC.USD = BTC USD crypto
    BTC:USD = BTC USD crypto
    BTCUSD = BTC USD crypto
    BTC/USDT = BTC USDT crypto
    SOLUSDC = SOL USDC crypto
    XBT/USD = BTC USD crypto
    XBT-USD = BTC USD crypto
    XBTUSD = BTC USD crypto
    XXBTZUSD = BTC USD crypto
    XETHXXBT = ETH BTC crypto
    XXDGZEUR = DOGE EUR crypto
    XTZUSD = XTZ USD crypto
    ETHPYUSD = ETH PYUSD crypto
    XBTAUSD = BTC AUSD crypto
    USDTZUSD = USDT USD crypto
    USDTUSD = USDT USD crypto
    DOTUSD = DOT USD crypto
    BTCEUR = BTC EUR crypto
    BTC-EUR = BTC EUR crypto
    BTC-BUSD = BTC BUSD crypto
    ETH-BTC = ETH BTC crypto
    ETHBTC = ETH BTC crypto
    SHIBDOGE = SHIB DOGE crypto
    STX-USD = STX USD crypto
    HNT = HNT USD crypto
    LINK-USD = LINK USD crypto
    STXUSDT = STX USDT crypto
    PEOPLE-USDT = PEOPLE USDT crypto
    BTC = BTC USD crypto
    XBT = BTC USD crypto
    SOL = SOL USD crypto
    NEAR = NEAR USD crypto
    USDC = USDC USD crypto
    EUR-USD = EUR USD fx
    EUR.USD = EUR USD fx
    EURUSD = EUR USD fx
    USDJPY = USD JPY fx
    XAUEUR = XAU EUR fx
    AAPL = AAPL USD security
    SPY = SPY USD security
    CHPT = CHPT USD security
    NU = NU USD security
    BRK-B = BRK-B USD security
    BRK.B = BRK-B USD security
    BRK/B = BRK-B USD security
    BF-B = BF-B USD security
    RDS.A = RDS-A USD security
";

/// `symbol = proposals`, of symbols that are refused. A proposal is `base quote class`.
const REFUSED: &str = "
    ABNB = ABNB USD security | A BNB crypto
    OPEN = OPEN USD security | O PEN crypto
    GBTC = GBTC USD security | G BTC crypto
    FBTC = FBTC USD security | F BTC crypto
    FETH = FETH USD security | F ETH crypto
    ACAD = ACAD USD security | A CAD crypto
    GRUB = GRUB USD security | G RUB crypto
    IRON = IRON USD security | I RON crypto
    TRON = TRON USD security | T RON crypto
    RISK = RISK USD security | R ISK crypto
    BINR = BINR USD security | B INR crypto
    ALLY = ALLY USD security
    WINTRX = WIN TRX crypto | WINTRX USD security
    BTCIDRT = BTC IDRT crypto | BTC IDR crypto | BTCIDRT USD security
    GBPCADm = GBP CADM fx | GBP CAD fx | GBPCADM USD security
    XAUEUR# = XAU EUR fx | XAU EUR# fx | XAUEUR# USD security
    USDJPY.r = USD JPY fx | USDJPY.R USD security
    USDJPYm = USD JPYM fx | USD JPY fx | USDJPYM USD security
    VOD.L = VOD.L USD security
    BTC-PERP = BTC-PERP USD security | BTC PERP crypto
    NASDAQ:AAPL = NASDAQ:AAPL USD security | NASDAQ AAPL crypto
    GBTC-B = GBTC-B USD security | G BTC crypto
    BTC-B = BTC-B USD security
    A- = A- USD security
    AMD = AMD USD security | AMD USD fx
    EUR = EUR USD security | EUR USD fx
    USD =
    ZUSD =
    STX = STX USD crypto | STX USD security
    LINK = LINK USD crypto | LINK USD security
    XAUTUSD = XAU TUSD fx | XAUT USD crypto
    USDT_BTC = BTC USDT crypto | USDT BTC crypto
    USDTBTC = BTC USDT crypto | USDT BTC crypto
    KRW-BTC = BTC KRW crypto | KRW BTC fx
    BTC-EUR-USD =
    -USD =
    BTC-XBT =
";

fn read(
    rules: &AssetRules,
    account: &str,
    symbol: &str,
    [base, quote, class]: [&str; 3],
) -> Result<Instrument, UnknownInstrument> {
    let (account, symbol) = (account.parse().unwrap(), symbol.parse().unwrap());
    rules.instrument(&account, &symbol, Some(base), Some(quote), Some(class))
}

fn line(instrument: &Instrument) -> String {
    let Instrument {
        base, quote, class, ..
    } = instrument;
    format!("{base} {quote} {class}")
}

fn lines(table: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = table.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| line.split_once('=').unwrap())
        .map(|(symbol, of)| (symbol.trim(), of.trim()))
}

#[test]
fn symbols_are_what_the_table_says() {
    let rules = AssetRules::default();
    for (symbol, expected) in lines(ACCEPTED) {
        let instrument = read(&rules, "main", symbol, [""; 3]);
        let instrument = instrument.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(line(&instrument), expected, "{symbol}");
        let is_usd = ["USD", "USDC", "USDT"].contains(&instrument.quote.as_str());
        assert_eq!(instrument.is_usd, is_usd, "{symbol}");
    }
}

#[test]
fn refusals_propose_what_the_table_says() {
    let rules = AssetRules::default();
    for (symbol, expected) in lines(REFUSED) {
        let error = read(&rules, "main", symbol, [""; 3]).expect_err(symbol);
        let of = error.proposals.iter();
        let found = of.map(|of| format!("{} {} {}", of.base, of.quote, of.class));
        assert_eq!(found.collect::<Vec<_>>().join(" | "), expected, "{error}");
    }
}

#[test]
fn refusals_say_why() {
    let rules = AssetRules::default();
    for (symbol, expected) in [
        (
            "FETH",
            "FETH begins or ends with ETH, FET, and may be a pair",
        ),
        ("ABNB", "ABNB begins or ends with BNB, and may be a pair"),
        ("VOD.L", "VOD.L has an unknown quote, \"L\""),
        (
            "AMD",
            "AMD is a currency, and nothing says what it is priced in",
        ),
        ("STX", "STX is the code of a coin and of a share"),
        (
            "XAUTUSD",
            "XAUTUSD can be split in more than one way: XAU-TUSD, XAUT-USD",
        ),
        (
            "BTC-EUR-USD",
            "BTC-EUR-USD can be split in more than one way: BTC-EUR, BTC-EUR-USD",
        ),
        (
            "USDT_BTC",
            "USDT_BTC looks like a pair with the quote first, BTC priced in USDT",
        ),
        ("BTC-XBT", "BTC-XBT is BTC priced in itself"),
        ("-USD", "-USD names no asset"),
    ] {
        let error = read(&rules, "main", symbol, [""; 3]).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

/// A proposal is taken as it is printed.
#[test]
fn each_proposal_settles_its_symbol() {
    for (symbol, _) in lines(REFUSED) {
        let error = read(&AssetRules::default(), "main", symbol, [""; 3]).expect_err(symbol);
        for of in error.proposals {
            if of.base == of.quote {
                continue;
            }
            let mut rules = AssetRules::default();
            let settings = super::InstrumentSettings {
                base: Some(of.base.parse().unwrap()),
                quote: Some(of.quote.parse().unwrap()),
                class: Some(of.class),
                ..Default::default()
            };
            rules.symbols.insert(symbol.parse().unwrap(), settings);
            let found = read(&rules, "main", symbol, [""; 3]).unwrap();
            assert_eq!(
                line(&found),
                format!("{} {} {}", of.base, of.quote, of.class)
            );
        }
    }
}

#[test]
fn columns_come_first() {
    let rules = AssetRules::default();
    for (symbol, columns, expected) in [
        ("VT", ["", "CHF", ""], "VT CHF security"),
        ("BTC", ["", "EUR", ""], "BTC EUR crypto"),
        ("BTC-EUR", ["", "eur", ""], "BTC EUR crypto"),
        ("BTC-USDT", ["", "USD", ""], "BTC USD crypto"),
        ("BTCIDRT", ["", "IDRT", ""], "BTC IDRT crypto"),
        ("ABNB", ["", "USD", ""], "ABNB USD security"),
        ("GUSD", ["", "USD", ""], "GUSD USD crypto"),
        ("EUR", ["", "USD", ""], "EUR USD fx"),
        ("VOD.L", ["", "GBX", ""], "VOD.L GBX security"),
        ("ABNB", ["ABNB", "", ""], "ABNB USD security"),
        ("FOOUSDT", ["FOO", "", ""], "FOO USDT crypto"),
        ("XXBTZUSD", ["XBT", "", ""], "BTC USD crypto"),
        ("US0378331005", ["AAPL", "USD", ""], "AAPL USD security"),
        ("BTC-EUR", ["BTC", "EUR", "Future"], "BTC EUR future"),
        ("AAPL", ["", "", "crypto"], "AAPL USD crypto"),
        ("BTC-USDC", ["BTC", "USD", ""], "BTC USD crypto"),
        ("XXBTZEUR", ["BTC", "EUR", ""], "BTC EUR crypto"),
    ] {
        let found = read(&rules, "main", symbol, columns);
        let found = found.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(line(&found), expected, "{symbol} {columns:?}");
    }
    for (symbol, columns, expected) in [
        (
            "BTC-EUR",
            ["", "USD", ""],
            "BTC-EUR is priced in EUR, and quote_currency says USD",
        ),
        (
            "BTCEUR",
            ["", "USD", ""],
            "BTCEUR is priced in EUR, and quote_currency says USD",
        ),
        ("BTC", ["", "XBT", ""], "BTC is BTC priced in itself"),
        (
            "EUR",
            ["EUR", "", ""],
            "EUR is a currency, and nothing says what it is priced in",
        ),
        (
            "BTC",
            ["", "US D", ""],
            "BTC has quote_currency \"US D\", which has a misplaced blank, U+0020",
        ),
        (
            "AAPL",
            ["", "", "stock"],
            "AAPL has asset_class \"stock\", expected crypto, security, fx or future",
        ),
    ] {
        let error = read(&rules, "main", symbol, columns).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn an_account_of_securities_has_tickers() {
    let mut rules = AssetRules::default();
    rules
        .accounts
        .insert("ib".parse().unwrap(), AssetClass::Security);
    let pair = read(&rules, "ib", "BTCEUR", [""; 3]).unwrap_err();
    let why = "BTCEUR begins or ends with BTC, EUR, and may be a pair";
    assert_eq!(pair.to_string(), why);
    for (symbol, expected) in [
        ("AMD", "AMD USD security"),
        ("ABNB", "ABNB USD security"),
        ("STX", "STX USD security"),
        ("XBT", "XBT USD security"),
        ("BTCUSD", "BTCUSD USD security"),
        ("BRK.B", "BRK-B USD security"),
        ("BAC-PL", "BAC-PL USD security"),
        // A separator before a known code is no ticker.
        ("SAP-EUR", "SAP EUR security"),
        ("EUR.USD", "EUR USD security"),
    ] {
        let found = read(&rules, "ib", symbol, [""; 3]).unwrap();
        assert_eq!(line(&found), expected);
        assert_eq!(found.is_usd, found.quote.as_str() == "USD");
    }
    assert!(read(&rules, "other", "ABNB", [""; 3]).is_err());
}

#[test]
fn settings_decide() {
    let mut rules = AssetRules {
        usd_quotes: ["XUSD".to_owned()].into(),
        ..AssetRules::default()
    };
    rules.aliases.insert("WETH".into(), "ETH".parse().unwrap());
    rules.aliases.insert("FB".into(), "META".parse().unwrap());
    let settings = super::InstrumentSettings {
        quote: Some("USD".parse().unwrap()),
        ..Default::default()
    };
    rules.symbols.insert("XY-EUR".parse().unwrap(), settings);
    for (symbol, expected, is_usd) in [
        ("BTC-XUSD", "BTC XUSD crypto", true),
        ("BTCXUSD", "BTC XUSD crypto", true),
        ("BTC-USDT", "BTC USDT crypto", false),
        ("BTC-USD", "BTC USD crypto", true),
        ("WETHUSD", "ETH USD crypto", true),
        ("FB", "META USD security", true),
        // The setting changes the price, and not the asset.
        ("XY-EUR", "XY USD crypto", true),
    ] {
        let found = read(&rules, "main", symbol, [""; 3]).unwrap();
        assert_eq!(
            (line(&found).as_str(), found.is_usd),
            (expected, is_usd),
            "{symbol}"
        );
    }
}

/// A setting that names a quote alone, and one that names another quote than the symbol.
#[test]
fn a_quote_by_settings_leaves_the_base_to_the_symbol() {
    let with = |symbol: &str, quote: &str| {
        let settings = super::InstrumentSettings {
            quote: Some(quote.parse().unwrap()),
            ..Default::default()
        };
        let mut rules = AssetRules::default();
        rules.symbols.insert(symbol.parse().unwrap(), settings);
        read(&rules, "main", symbol, [""; 3])
    };
    for (symbol, quote, expected) in [
        ("ETH-USD", "EUR", "ETH EUR crypto"),
        ("ETHUSD", "EUR", "ETH EUR crypto"),
        ("XBT/USD", "EUR", "BTC EUR crypto"),
        ("ETH-USD", "USDC", "ETH USDC crypto"),
        ("EURUSD", "GBP", "EUR GBP fx"),
        ("USDT_BTC", "BTC", "USDT BTC crypto"),
        // These are no pairs.
        ("BTC-PERP", "USD", "BTC-PERP USD security"),
        ("VOD.L", "GBX", "VOD.L GBX security"),
        ("AAPL", "EUR", "AAPL EUR security"),
        ("SOL", "EUR", "SOL EUR crypto"),
    ] {
        let found = with(symbol, quote).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(line(&found), expected, "{symbol} {quote}");
    }
    for (symbol, quote, expected, proposals) in [
        (
            "XAUTUSD",
            "EUR",
            "XAUTUSD can be split in more than one way: XAU-TUSD, XAUT-USD",
            "XAU EUR fx | XAUT EUR crypto",
        ),
        (
            "BTC-EUR-USD",
            "USD",
            "BTC-EUR-USD can be split in more than one way: BTC-EUR, BTC-EUR-USD",
            "",
        ),
        (
            "USDT_BTC",
            "USD",
            "USDT_BTC looks like a pair with the quote first, BTC priced in USDT",
            "BTC USDT crypto | USDT BTC crypto",
        ),
    ] {
        let error = with(symbol, quote).expect_err(symbol);
        let of = error.proposals.iter();
        let found = of.map(|of| format!("{} {} {}", of.base, of.quote, of.class));
        assert_eq!(found.collect::<Vec<_>>().join(" | "), proposals, "{symbol}");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn only_dollars_pass_the_check() {
    let rules = AssetRules::default();
    let checked = |symbol: &str| {
        let found = read(&rules, "main", symbol, [""; 3]);
        rules
            .check_in_usd(&symbol.parse().unwrap(), found)
            .map_err(|error| error.to_string())
    };
    assert!(checked("BTC-USDT").is_ok());
    let message = checked("BTC-EUR").unwrap_err();
    assert_eq!(message, "BTC-EUR is priced in EUR, not in USD");
    let message = checked("ABNB").unwrap_err();
    assert_eq!(message, "ABNB begins or ends with BNB, and may be a pair");
}

#[test]
fn pools_are_named_by_asset_or_symbol() {
    let mut rules = AssetRules::default();
    let symbol = "XXBTZUSD".parse().unwrap();
    let found = read(&rules, "main", "XXBTZUSD", [""; 3]).unwrap();
    assert_eq!(rules.asset_of(&symbol, Some(&found)).as_str(), "BTC");
    assert_eq!(rules.asset_of(&symbol, None).as_str(), "XXBTZUSD");
    rules.pools = super::PoolsBy::Symbol;
    assert_eq!(rules.asset_of(&symbol, Some(&found)).as_str(), "XXBTZUSD");
}

#[test]
fn money_of_states_has_no_pool() {
    let rules = AssetRules::default();
    let is = |code: &str| rules.is_currency(&rules.asset_named(code));
    assert!(is("EUR") && is("ZEUR") && is("usd"));
    assert!(!is("USDT") && !is("XAU") && !is("BTC") && !is("AAPL"));
}

/// One half that agrees with the symbol hides nothing in the other one.
#[test]
fn columns_that_contradict_the_symbol_refuse_it() {
    let rules = AssetRules::default();
    for (symbol, columns, expected) in [
        (
            "BTC-EUR",
            ["BTC", "USD", ""],
            "BTC-EUR is priced in EUR, and quote_currency says USD",
        ),
        (
            "SOLEUR",
            ["SOL", "USD", ""],
            "SOLEUR is priced in EUR, and quote_currency says USD",
        ),
        (
            "BTC-EUR",
            ["ETH", "EUR", ""],
            "BTC-EUR is BTC by its name, and base_asset says ETH",
        ),
        (
            "BTC-EUR",
            ["ETH", "", ""],
            "BTC-EUR is BTC by its name, and base_asset says ETH",
        ),
    ] {
        let error = read(&rules, "main", symbol, columns).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn an_asset_that_pays_has_the_class_of_its_code() {
    let mut rules = AssetRules::default();
    let settings = super::InstrumentSettings {
        class: Some(AssetClass::Future),
        ..Default::default()
    };
    rules.symbols.insert("OIL".parse().unwrap(), settings);
    rules
        .accounts
        .insert("ib".parse().unwrap(), AssetClass::Security);
    for (account, asset, expected) in [
        ("main", "BTC", AssetClass::Crypto),
        ("main", "KFEE", AssetClass::Crypto),
        ("main", "XAU", AssetClass::Fx),
        ("main", "OIL", AssetClass::Future),
        ("ib", "OIL", AssetClass::Future),
        ("ib", "KFEE", AssetClass::Security),
    ] {
        let (account, asset) = (account.parse().unwrap(), asset.parse().unwrap());
        let expected = PoolClass::of(expected, ClassSource::Payment);
        assert_eq!(rules.class_of_leg(&account, &asset), expected, "{asset}");
    }
}
