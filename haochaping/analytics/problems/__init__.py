"""典型问题 and 优秀案例: one problem, the items it affects, who answers for it, what was done, and whether it helped."""
