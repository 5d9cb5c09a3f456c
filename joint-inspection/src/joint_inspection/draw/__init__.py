"""The draw 抽取: whom to inspect and by whom, so that anybody can check it (heli-draw-1)."""
