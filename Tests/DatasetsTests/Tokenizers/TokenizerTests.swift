import Archives
import Datasets
import Testing
