"""Carry PURISTA messages between services. A bridge knows no schedule, no policy and no other adapter."""
