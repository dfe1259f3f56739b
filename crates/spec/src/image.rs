//! Images: a replica as bytes, so that a snapshot can be written, cut into chunks, sent and put together again.

use std::fmt::{self, Display};
use std::sync::Arc;

use quarrel_protocol::{Fingerprint, Fingerprinter};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::session::Replica;

/// A state machine behind its sessions, as bytes. Copies share them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image(Arc<[u8]>);

impl Image {
    /// All of a replica.
    ///
    /// # Panics
    /// Never: a replica has nothing that cannot be written.
    #[must_use]
    pub fn of(replica: &Replica) -> Self {
        Self(postcard::to_allocvec(replica).expect("a replica can be written").into())
    }

    /// What was received, whatever it is.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// The replica, unless the bytes are none.
    #[must_use]
    pub fn replica(&self) -> Option<Replica> {
        match postcard::take_from_bytes(&self.0) {
            Ok((replica, [])) => Some(replica),
            Ok(_) | Err(_) => None,
        }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// At most `limit` bytes from `offset` on; nothing behind the end.
    #[must_use]
    pub fn chunk(&self, offset: usize, limit: usize) -> &[u8] {
        let rest = self.0.get(offset..).unwrap_or_default();
        &rest[..rest.len().min(limit)]
    }
}

impl Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Fingerprint for Image {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        bytes_fingerprint(&self.0, into);
    }
}

/// Adds bytes to a digest, eight at a time.
pub fn bytes_fingerprint(bytes: &[u8], into: &mut Fingerprinter) {
    into.mark(bytes.len() as u64);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        into.word(u64::from_le_bytes(word));
    }
}

impl Serialize for Image {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
        serializer.collect_str(&self.0.iter().flat_map(digits).flatten().collect::<String>())
    }
}

impl<'de> Deserialize<'de> for Image {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
        match digits {
            Some(digits) if digits.len() % 2 == 0 => {
                Ok(Self(digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()))
            }
            Some(_) | None => Err(D::Error::custom("an image is pairs of hexadecimal digits")),
        }
    }
}

#[cfg(test)]
mod tests {
    use quarrel_protocol::{ClientId, RequestId};

    use super::*;
    use crate::Value;
    use crate::machine::{Call, Key, Kind, KvCall, QueueCall, RegisterCall};
    use crate::session::{Command, Memory, Session};

    fn replica(kind: Kind, calls: &[Call]) -> Replica {
        let mut replica = Replica::new(kind, Memory::Kept);
        for (position, &call) in calls.iter().enumerate() {
            let serial = RequestId(position as u32);
            let session = Session { client: ClientId((position % 2) as u8), serial, oldest: RequestId(0) };
            replica.apply(position as u64 + 1, &Command { session, call });
        }
        replica
    }

    #[test]
    fn a_replica_survives_its_image_and_the_image_its_file() {
        let put = |text| Call::Kv(KvCall::Append { key: Key(1), text: Value(text) });
        let cases = [
            replica(Kind::Register, &[Call::Register(RegisterCall::Write(Value(7)))]),
            replica(Kind::Kv, &[put(1), put(2), put(30)]),
            replica(Kind::Bank { accounts: 3, opening: 10 }, &[]),
            replica(Kind::Seats { seats: 9 }, &[]),
            replica(Kind::Lock, &[]),
            replica(Kind::Membership, &[]),
            replica(Kind::Queue, &[Call::Queue(QueueCall::Enqueue(Value(3)))]),
        ];
        for replica in cases {
            let image = Image::of(&replica);
            assert_eq!(image.replica().as_ref(), Some(&replica));
            assert_eq!(image.replica().unwrap().digest(), replica.digest());
            let text = serde_json::to_string(&image).unwrap();
            assert_eq!(serde_json::from_str::<Image>(&text).unwrap(), image);
        }
    }

    #[test]
    fn chunks_make_the_whole_and_nothing_lies_behind_its_end() {
        let calls: Vec<Call> =
            (0..9).map(|value| Call::Register(RegisterCall::Write(Value(value)))).collect();
        let image = Image::of(&replica(Kind::Register, &calls));
        let mut bytes = Vec::new();
        while bytes.len() < image.bytes().len() {
            let chunk = image.chunk(bytes.len(), 5);
            assert!((1..=5).contains(&chunk.len()));
            bytes.extend_from_slice(chunk);
        }
        assert_eq!(image.chunk(bytes.len(), 5), [0; 0]);
        assert_eq!(image.chunk(usize::MAX, 5), [0; 0]);
        assert_eq!(Image::from_bytes(bytes), image);
    }

    #[test]
    fn what_is_no_image_is_no_replica() {
        let mut bytes = Image::of(&replica(Kind::Kv, &[])).bytes().to_vec();
        bytes.push(0);
        assert_eq!(Image::from_bytes(bytes).replica(), None, "something follows");
        assert_eq!(Image::from_bytes(vec![]).replica(), None);
        assert_eq!(Image::from_bytes(vec![255; 40]).replica(), None);
        for text in [r#""abc""#, r#""zz""#, r#""1é""#] {
            assert!(serde_json::from_str::<Image>(text).is_err(), "{text}");
        }
    }
}
