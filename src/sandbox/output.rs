//! Buffered sending side of a connection.

use bytes::BytesMut;
use std::io;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Buffered bytes that trigger a write.
const BATCH: usize = 32 * 1024;

/// Writer of messages. Dropping one of its futures loses no byte.
pub struct Output<W> {
    writer: W,
    pending: BytesMut,
}

impl<W: AsyncWrite + Unpin> Output<W> {
    pub(super) fn new(writer: W) -> Output<W> {
        Output { writer, pending: BytesMut::new() }
    }

    /// Buffers bytes, which are sent with the next flush at the latest.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= BATCH { self.flush().await } else { Ok(()) }
    }

    pub async fn flush(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            // A write of zero bytes means that the stream is closed.
            if self.writer.write_buf(&mut self.pending).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.writer.flush().await
    }

    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.writer.shutdown().await
    }
}
