"""分析: pages over the lake. A module per page family; what they show comes from `analytics`, drawn by one script (charts.js)."""
