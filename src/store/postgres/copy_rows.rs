//! Rows of binary COPYs, one after the other; and COPYs that go on while their rows are used.
//!
//! A server sorts and sends with one of its processes, and we use its rows with one of our threads.
//! If a client asks for the next rows only after it has used the last ones, each of the two is idle
//! for half of the time. So another task asks ahead, as far as a bounded channel has room.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::binary::{self, NextRow};
use super::errors::from_sqlx;
use super::errors::unreadable;
use crate::store::{StoreError, StoreResult};

/// Bytes of a block, sent at once. The server's messages have one row each, which is too little.
const BLOCK_BYTES: usize = 64 * 1024;

/// Blocks that may wait for the reader: 4 MiB, some ten thousand rows.
const BLOCKS_AHEAD: usize = 64;

/// The rows of a binary COPY, one after the other.
pub(super) struct CopyRows<'c, const N: usize> {
    stream: BoxStream<'c, StoreResult<Vec<u8>>>,
    /// Received bytes; those from `at` on are not decoded yet.
    bytes: Vec<u8>,
    at: usize,
    /// Bytes of the row that begins at `at`.
    length: usize,
}

impl<'c, const N: usize> CopyRows<'c, N> {
    /// Begins a COPY. `action` names the COPY in errors.
    pub(super) async fn begin(
        connection: &'c mut PgConnection,
        sql: &str,
        action: &'static str,
    ) -> StoreResult<Self> {
        Self::of(copy_out(connection, sql, action).await?).await
    }

    async fn of(stream: BoxStream<'c, StoreResult<Vec<u8>>>) -> StoreResult<Self> {
        let mut rows = Self {
            stream,
            bytes: Vec::new(),
            at: 0,
            length: 0,
        };
        while rows.bytes.len() < binary::HEADER.len() && rows.more().await? {}
        if rows.bytes.starts_with(binary::HEADER) {
            rows.at = binary::HEADER.len();
        }
        Ok(rows)
    }

    /// Waits for more bytes. Returns false at the end of the COPY.
    async fn more(&mut self) -> StoreResult<bool> {
        let Some(more) = self.stream.try_next().await? else {
            return Ok(false);
        };
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(&more);
        Ok(true)
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Goes to the next row. Returns false at the end of the COPY.
    pub(super) async fn advance(&mut self) -> StoreResult<bool> {
        self.at += std::mem::take(&mut self.length);
        loop {
            let is_cut = match binary::row::<N>(self.rest()) {
                NextRow::Row(_, length) => {
                    self.length = length;
                    return Ok(true);
                }
                NextRow::End => break,
                NextRow::Incomplete => true,
                NextRow::Broken => false,
            };
            if !is_cut || !self.more().await? {
                return Err(unreadable("a row", "its bytes end too early"));
            }
        }
        // Reads the server's last messages, without which the connection can't be used again.
        while self.stream.try_next().await?.is_some() {}
        Ok(false)
    }

    /// Returns the bytes of the row, as they were received.
    pub(super) fn bytes(&self) -> &[u8] {
        self.rest().get(..self.length).unwrap_or_default()
    }

    /// Returns the columns of the row.
    pub(super) fn columns(&self) -> [Option<&[u8]>; N] {
        match binary::row::<N>(self.rest()) {
            NextRow::Row(columns, _) => columns,
            _ => [None; N],
        }
    }
}

async fn copy_out<'c>(
    connection: &'c mut PgConnection,
    sql: &str,
    action: &'static str,
) -> StoreResult<BoxStream<'c, StoreResult<Vec<u8>>>> {
    let copy = connection.copy_out_raw(sql).await;
    let stream = copy.map_err(|e| from_sqlx(action, e))?;
    let blocks = stream.map(move |bytes| bytes.map(Vec::from).map_err(|e| from_sqlx(action, e)));
    Ok(Box::pin(blocks))
}

/// A block of a COPY; `None`: the COPY is complete.
type CopyBlock = StoreResult<Option<Vec<u8>>>;

/// COPYs that a task reads ahead, one after the other on one connection.
pub(super) struct CopiesAhead {
    blocks: mpsc::Receiver<CopyBlock>,
    task: JoinHandle<(PoolConnection<Postgres>, bool)>,
}

/// Makes the COPYs to read. It may query their connection before each.
#[async_trait]
pub(super) trait CopySource: Send + 'static {
    /// Returns the SQL of the next COPY; `None` after the last.
    async fn next(&mut self, connection: &mut PgConnection) -> StoreResult<Option<String>>;
}

impl CopiesAhead {
    /// Starts a task that reads all COPYs.
    pub(super) fn begin(
        mut connection: PoolConnection<Postgres>,
        mut source: impl CopySource,
        action: &'static str,
    ) -> Self {
        let (sender, blocks) = mpsc::channel(BLOCKS_AHEAD);
        let task = tokio::spawn(async move {
            let sent = send_all(&mut connection, &mut source, action, &sender).await;
            let is_whole = matches!(sent, Ok(true));
            if let Err(error) = sent {
                // If the receiver is gone, nobody waits for the error.
                let _ = sender.send(Err(error)).await;
            }
            if !is_whole {
                // A connection with an unfinished COPY can't be used again.
                connection.close_on_drop();
            }
            (connection, is_whole)
        });
        Self { blocks, task }
    }

    /// Returns the rows of the next COPY.
    pub(super) async fn next<const N: usize>(&mut self) -> StoreResult<CopyRows<'_, N>> {
        let blocks = stream::poll_fn(|context| {
            let block = self.blocks.poll_recv(context);
            block.map(|block| match block {
                Some(block) => block.transpose(),
                None => Some(Err(ended())),
            })
        });
        CopyRows::of(Box::pin(blocks)).await
    }

    /// Returns the connection, in the transaction that it was in before. Errors: some rows are
    /// unread; the connection is then closed.
    pub(super) async fn end(self) -> StoreResult<PoolConnection<Postgres>> {
        drop(self.blocks);
        let (connection, is_whole) = self.task.await.map_err(|_| ended())?;
        is_whole.then_some(connection).ok_or_else(ended)
    }
}

/// Sends the rows of all COPYs. Returns false if the receiver is gone.
async fn send_all(
    connection: &mut PgConnection,
    source: &mut impl CopySource,
    action: &'static str,
    sender: &mpsc::Sender<CopyBlock>,
) -> StoreResult<bool> {
    while let Some(sql) = source.next(connection).await? {
        let mut rows = copy_out(connection, &sql, action).await?;
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        while let Some(row) = rows.try_next().await? {
            if block.len() + row.len() > BLOCK_BYTES {
                let full = std::mem::replace(&mut block, Vec::with_capacity(BLOCK_BYTES));
                if sender.send(Ok(Some(full))).await.is_err() {
                    return Ok(false);
                }
            }
            block.extend_from_slice(&row);
        }
        for block in [Some(block), None] {
            if sender.send(Ok(block)).await.is_err() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn ended() -> StoreError {
    unreadable("a row", "reading ahead ended too early")
}
