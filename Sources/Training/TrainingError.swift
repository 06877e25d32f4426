import Text

/// Why a run cannot begin or go on; the caller knows the checkpoint's path.
package typealias TrainingError = Problem
