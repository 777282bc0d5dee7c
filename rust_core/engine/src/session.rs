//! Streams at the engine's face: open, messages in, messages out, finish.

use bytes::Bytes;

use crate::status::Status;

/// The replies of a session, in order. Closed after the last one; an error is always the last.
pub type Replies = async_channel::Receiver<Result<Bytes, Status>>;

/// An open stream. The server hands in each message of the caller as it comes and sends on what appears in
/// [`replies`](Self::replies), until that closes. Dropping the session ends it.
pub struct Session {
    conversation: Box<dyn Conversation>,
    replies: Replies,
}

/// What a streaming method does with messages. It keeps the sending end of the replies and drops it when done.
pub(crate) trait Conversation: Send {
    /// Takes one message of the caller.
    fn receive(&mut self, message: Bytes);
    /// The caller has sent its last message.
    fn finish(&mut self);
}

impl Session {
    pub(crate) fn new(conversation: Box<dyn Conversation>, replies: Replies) -> Self {
        Self { conversation, replies }
    }

    /// Takes one message of the caller. Replies that it makes at once are in [`replies`](Self::replies) on return.
    pub fn receive(&mut self, message: Bytes) {
        self.conversation.receive(message);
    }

    /// The caller has sent its last message.
    pub fn finish(&mut self) {
        self.conversation.finish();
    }

    /// Where replies appear. A clone may be closed from elsewhere to end a wait.
    #[must_use]
    pub fn replies(&self) -> &Replies {
        &self.replies
    }
}
