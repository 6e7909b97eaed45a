mod forged;
mod overrides;
mod records;
mod scene;
mod steps;
