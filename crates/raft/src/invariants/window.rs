//! A list that forgets its beginning.

/// Items by position, of which the first may be forgotten. Positions stay what they are.
#[derive(Clone, Debug)]
pub(super) struct Window<T> {
    start: usize,
    items: Vec<T>,
}

impl<T> Default for Window<T> {
    fn default() -> Self {
        Self { start: 0, items: Vec::new() }
    }
}

impl<T> Window<T> {
    /// Nothing is known of the positions before this one.
    pub(super) fn beginning_at(start: usize) -> Self {
        Self { start, items: Vec::new() }
    }

    /// The first position that is known, if there are any.
    pub(super) const fn start(&self) -> usize {
        self.start
    }

    /// The position after the last.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.start + self.items.len()
    }

    #[inline]
    pub(super) fn get(&self, position: usize) -> Option<&T> {
        self.items.get(position.checked_sub(self.start)?)
    }

    #[inline]
    pub(super) fn last(&self) -> Option<&T> {
        self.items.last()
    }

    #[inline]
    pub(super) fn push(&mut self, item: T) {
        self.items.push(item);
    }

    /// Takes out what stands at `end` and after it.
    #[inline]
    pub(super) fn truncate(&mut self, end: usize) {
        self.items.truncate(end.saturating_sub(self.start));
        self.start = self.start.min(end);
    }

    /// Forgets what stands before `position`; never all that there is.
    pub(super) fn forget(&mut self, position: usize) {
        let most = self.items.len().saturating_sub(1);
        let gone = position.saturating_sub(self.start).min(most);
        self.items.drain(..gone);
        self.start += gone;
        if self.items.capacity() > 64 && self.items.capacity() / 4 > self.items.len() {
            self.items.shrink_to(self.items.len() * 2);
        }
    }

    /// The items from `position` on.
    pub(super) fn from(&self, position: usize) -> impl Iterator<Item = &T> {
        self.items.iter().skip(position.saturating_sub(self.start))
    }

    /// The items that are known, the last first, each with its position.
    pub(super) fn backwards(&self) -> impl Iterator<Item = (usize, &T)> {
        (self.start..self.len()).rev().zip(self.items.iter().rev())
    }

    /// The items up to `end`, the last first.
    pub(super) fn backwards_from(&mut self, end: usize) -> impl Iterator<Item = &mut T> {
        let known = end.saturating_sub(self.start).min(self.items.len());
        self.items[..known].iter_mut().rev()
    }

    /// What is known of the first `end` positions, in another form.
    pub(super) fn prefix<U>(&self, end: usize, form: impl Fn(&T) -> U) -> Window<U> {
        let known = end.saturating_sub(self.start).min(self.items.len());
        Window { start: self.start, items: self.items[..known].iter().map(form).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_stay_what_they_are() {
        let mut window = Window::default();
        (10..15).for_each(|item| window.push(item));
        window.forget(2);
        assert_eq!((window.start(), window.len()), (2, 5));
        assert_eq!(
            (window.get(1), window.get(2), window.get(4), window.get(5)),
            (None, Some(&12), Some(&14), None)
        );
        assert_eq!(window.from(3).collect::<Vec<_>>(), [&13, &14]);
        assert_eq!(window.backwards().collect::<Vec<_>>(), [(4, &14), (3, &13), (2, &12)]);
        assert_eq!(window.backwards_from(4).collect::<Vec<_>>(), [&13, &12]);
        assert_eq!(window.prefix(4, |&item| item).from(0).collect::<Vec<_>>(), [&12, &13]);
        window.truncate(3);
        assert_eq!((window.len(), window.last()), (3, Some(&12)));
        window.forget(9);
        assert_eq!((window.start(), window.len()), (2, 3), "something stays, to go on from");
        window.truncate(0);
        window.push(7);
        assert_eq!((window.get(0), window.len()), (Some(&7), 1));
    }
}
