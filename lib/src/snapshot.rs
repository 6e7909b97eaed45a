//! Snapshots as documents: finding the component and its image.
