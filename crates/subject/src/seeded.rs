/// The hasher of [`SeededMap`]: fast, and the same in every run unless it is given a seed.
pub type SeededState = foldhash::fast::FixedState;

/// A hash map whose order depends only on what was put in, so that the same inputs give the same run.
pub type SeededMap<K, V> = hashbrown::HashMap<K, V, SeededState>;

/// A hash set with the hasher of [`SeededMap`].
pub type SeededSet<K> = hashbrown::HashSet<K, SeededState>;
