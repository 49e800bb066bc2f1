"""keras.optimizers.schedules"""

from nbtape.train.schedules import LearningRateSchedule as LearningRateSchedule
