mod forged;
mod records;
mod scene;
mod steps;
