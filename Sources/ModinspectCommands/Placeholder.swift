import Checkpoints
import ArgumentParser
import Crypto

