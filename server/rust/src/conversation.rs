//! A call that stays open: the caller's messages go to a session of the engine, its replies to the caller.

use std::{
    pin::Pin,
    task::{Context as Task, Poll},
};

use ferrule_engine::{Answer, Context, Replies, Session, Status};
use tokio::time::{Sleep, sleep_until};
use tokio_stream::Stream;

use crate::{handlers::sendable, messages::Messages};

/// An open stream. Dropping it ends the session.
pub(crate) struct Conversation {
    session: Session,
    replies: Pin<Box<Replies>>,
    /// What the caller still sends; none after its last message.
    messages: Option<Messages>,
    expired: Option<Pin<Box<Sleep>>>,
    limit: usize,
}

impl Conversation {
    /// `messages` is none where the session has all that the caller sends.
    pub(crate) fn new(session: Session, messages: Option<Messages>, context: Context, limit: usize) -> Self {
        Self {
            replies: Box::pin(session.replies().clone()),
            session,
            messages,
            expired: context.deadline.map(|deadline| Box::pin(sleep_until(deadline.into()))),
            limit,
        }
    }

    /// The next reply; none after the last. Replies go first: a caller that does not read them is not read.
    pub(crate) fn poll_reply(&mut self, task: &mut Task<'_>) -> Poll<Option<Answer>> {
        // First, so that a caller who never stops sending does not outlive its deadline.
        if let Some(expired) = &mut self.expired
            && expired.as_mut().poll(task).is_ready()
        {
            return Poll::Ready(Some(Err(Status::deadline_exceeded())));
        }
        loop {
            if let Poll::Ready(reply) = self.replies.as_mut().poll_next(task) {
                return Poll::Ready(reply.map(|reply| reply.and_then(|reply| sendable(reply, self.limit))));
            }
            match self.poll_message(task) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(status)) => return Poll::Ready(Some(Err(status))),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Hands one message to the session, or the news that there are no more. Pending when neither is known.
    fn poll_message(&mut self, task: &mut Task<'_>) -> Poll<Result<(), Status>> {
        let Some(messages) = &mut self.messages else {
            return Poll::Pending;
        };
        match messages.poll_next(task) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(message))) => self.session.receive(message),
            Poll::Ready(Some(Err(status))) => {
                self.messages = None;
                return Poll::Ready(Err(status));
            }
            Poll::Ready(None) => {
                self.messages = None;
                self.session.finish();
            }
        }
        Poll::Ready(Ok(()))
    }
}
