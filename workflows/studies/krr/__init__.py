"""The KRR flow's study."""
