"""Reviews of films: `tf.keras.datasets.imdb`."""

from nbtape.train.datasets.text import load_imdb as load_data, load_imdb_words as get_word_index
