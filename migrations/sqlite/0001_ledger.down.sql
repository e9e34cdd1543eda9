-- Removes 0001_ledger. The program refuses it while it would lose facts.
DROP VIEW ineligible_trades;
DROP VIEW eligible_trades;
DROP VIEW eligible_actions;
DROP VIEW eligible_movements;
DROP VIEW active_import_voids;
DROP VIEW active_voids;
DROP TABLE event_log;
DROP TABLE asset_actions;
DROP TABLE asset_movements;
DROP TABLE rates;
DROP TABLE import_voids;
DROP TABLE trade_voids;
DROP TABLE trade_records;
DROP TABLE import_rejects;
DROP TABLE imports;
